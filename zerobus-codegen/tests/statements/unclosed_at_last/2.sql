CREATE TABLE main.u.c (a BIGNIT);
'not closed
