CREATE TABLE main.iot.b (id BIGINT); CREATE TABLE main.iot.c (id BIGINT, t TIME); CREATE TABLE main.iot.d (id BIGINT);
