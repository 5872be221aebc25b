ALTER TABLE main.iot.m RENAME COLUMN region TO old;
