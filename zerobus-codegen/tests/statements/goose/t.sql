-- +goose Up
CREATE TABLE main.iot.a (id INT);
-- +goose Down
DROP TABLE main.iot.a;
