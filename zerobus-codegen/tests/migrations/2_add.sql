ALTER TABLE main.iot.m ADD COLUMN zone INT;
