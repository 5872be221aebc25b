-- CREATE TABLE main.t.no (id INT);
/* CREATE TABLE main.t.no2 (id INT); /* nested ; */ ; CREATE TABLE main.t.no3 (id INT); */
CREATE TABLE main.t.a ( -- here; and ) there
  a STRING COMMENT 'a; CREATE TABLE main.t.no4 (x INT);',
  b STRING COMMENT "double ; 'single'", /* , c INT */
  c STRING COMMENT 'it\'s \\ \n \t \u00e9 \U0001F600 \ud83d\ude00 \101 \% \_ \0 \q',
  d STRING COMMENT 'two
lines',
  e STRING COMMENT '',
  f STRUCT<x: INT COMMENT 'a, b>', /* y: INT */ z: INT>,
  g STRING COMMENT R"C:\new\",
  h ARRAY</* INT */STRING>
) COMMENT 'x' -- end
;
CREATE TABLE main.t.b (a INT);;; ;
CREATE TABLE main.t.c (a INT)
