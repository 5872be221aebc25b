CREATE TABLE main.t.a (a INT, b STRUCT<x: INT;
CREATE TABLE main.t.b (a INT
CREATE TABLE main.t.c (a INT);
