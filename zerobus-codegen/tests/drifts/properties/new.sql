CREATE TABLE main.iot.r (id BIGINT) TBLPROPERTIES ('delta.columnMapping.mode' = 'name', 'owner' = 'b');
