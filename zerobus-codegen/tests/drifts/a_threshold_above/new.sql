CREATE TABLE main.iot.r (id BIGINT, v VARCHAR(10));
