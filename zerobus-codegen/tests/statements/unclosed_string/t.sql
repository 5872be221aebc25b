CREATE TABLE main.t.a (a INT);
CREATE TABLE main.t.b (a STRING COMMENT 'x);
CREATE TABLE main.t.c (a INT);
