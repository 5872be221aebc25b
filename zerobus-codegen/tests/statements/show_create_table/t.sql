CREATE TABLE main.default.orders (
  order_id BIGINT NOT NULL,
  ts TIMESTAMP DEFAULT current_timestamp(),
  d DATE GENERATED ALWAYS AS ( CAST(ts AS DATE) ),
  amount DECIMAL(18,2),
  s STRING COLLATE UTF8_BINARY COMMENT 'it\'s',
  CONSTRAINT `orders_pk` PRIMARY KEY (`order_id`))
USING delta
CLUSTER BY (order_id)
COLLATION 'UTF8_BINARY'
COMMENT 'orders'
TBLPROPERTIES (
  'delta.enableDeletionVectors' = 'true',
  'delta.feature.clustering' = 'supported',
  'delta.minReaderVersion' = '3');
ALTER TABLE main.default.orders DEFAULT COLLATION UTF8_LCASE;
CREATE TABLE main.default.a (id INT) TBLPROPERTIES ('a' = 'b',);
CREATE TABLE main.default.b (id INT) COLLATION UTF8_BINARY DEFAULT COLLATION 'UTF8_BINARY';
CREATE FOREIGN TABLE main.default.c (id INT);
