CREATE TABLE main.iot.readings (
  device STRING NOT NULL,
  celsius DOUBLE
);
