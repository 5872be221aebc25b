CREATE TABLE main.iot.r (id BIGINT) TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true', 'owner' = 'a');
