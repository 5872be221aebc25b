CREATE TABLE main.iot.readings (
  device STRING NOT NULL COMMENT 'Serial number of the device',
  celsius DOUBLE,
  producer STRING COMMENT 'Who sent the row',
  epoch BIGINT COMMENT 'Which run of the producer sent it',
  sequence BIGINT COMMENT 'Which row of the producer it is'
) USING DELTA;
