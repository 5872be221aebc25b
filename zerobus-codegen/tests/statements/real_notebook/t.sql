CREATE TABLE IF NOT EXISTS prod.`ops`.`events` (
  event_id STRING NOT NULL COMMENT 'it''s an id; really',
  payload VARIANT,
  ts TIMESTAMP NOT NULL DEFAULT current_timestamp(),
  amount DECIMAL(18, 4) DEFAULT CAST(0 AS DECIMAL(18,4)),
  tags ARRAY<STRING> DEFAULT array('a', 'b'),
  attrs MAP<STRING, STRUCT<v: DOUBLE, u_n: STRING COMMENT 'x, y'>>,
  CONSTRAINT pk PRIMARY KEY (event_id) NOT ENFORCED RELY,
  CONSTRAINT fk FOREIGN KEY (event_id) REFERENCES prod.ops.other (id) MATCH FULL ON UPDATE NO ACTION ON DELETE NO ACTION
)
USING DELTA
CLUSTER BY (event_id, ts)
COMMENT 'all; of -- it'
TBLPROPERTIES ('delta.feature.allowColumnDefaults' = 'supported', delta.appendOnly = true, 'x.y'=3)
WITH ROW FILTER ops.f ON (event_id);
