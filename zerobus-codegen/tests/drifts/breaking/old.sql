CREATE TABLE main.iot.r (a INT, b INT, c INT, d INT, e INT, f INT, g ARRAY<INT>, h MAP<INT, STRUCT<x: INT>>, i STRUCT<x: INT>);
