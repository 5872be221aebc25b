CREATE TABLE `main`.`t`.`a b` (`a``b` INT, `größe` INT, größe2 INT, `x.y` INT, 1a INT, `` INT);
CREATE TABLE main.t.2024_sales (id INT);
CREATE TABLE main.2024.t (id INT);
CREATE TABLE main.t.`2024` (id INT);
CREATE TABLE "main"."t"."q" (id INT);
CREATE TABLE [main].[t].[q] (id INT);
CREATE TABLE main.t.u.v (id INT);
CREATE TABLE main..t (id INT);
CREATE TABLE main.t. (id INT);
CREATE TABLE main.t.w ("id" INT);
CREATE TABLE main.t.x (`id` INT, `primary` INT, select INT, from STRING, table INT, create TIMESTAMP, grant INT, use INT, null INT,
  drop INT, alter INT, comment STRING COMMENT 'c', default INT DEFAULT 3, not INT NOT NULL, generated INT, mask INT, collate STRING,
  constraint INT,
  foreign INT,
  check INT,
  unique INT,
  array ARRAY<INT>, map MAP<INT, INT>, struct STRUCT<struct: INT, array: INT>, int INT, as INT, using INT, like INT,
  granted
    STRING);
CREATE TABLE main.t.y (
  use STRING,
  grant STRING,
  revoke STRING,
  go INT,
  create STRING,
  insert STRING,
  references STRING,
  end STRING,
  begin STRING
);
CREATE TABLE main.t.z (constraint STRING PRIMARY KEY, id INT);
CREATE TABLE main.t.`a.b` (id INT);
CREATE TABLE main.t.`a/b` (id INT);
CREATE TABLE main.`s-1`.t (id INT);
CREATE TABLE delta.`/mnt/x` (id INT);
CREATE TABLE main.s-1.t (id INT);
