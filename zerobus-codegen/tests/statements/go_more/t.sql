CREATE TABLE main.t.a (id INT)
GO
CREATE TABLE main.t.b (id INT, go INT,
  go2 INT)
go 5
CREATE TABLE main.t.c (
  go
    INT)
GO -- done
SELECT a go FROM x
CREATE TABLE main.t.d (id INT)
GO
