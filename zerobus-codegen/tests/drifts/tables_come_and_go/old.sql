CREATE TABLE main.iot.a (id BIGINT); CREATE TABLE main.iot.b (id BIGINT); CREATE TABLE main.iot.c (id BIGINT);
