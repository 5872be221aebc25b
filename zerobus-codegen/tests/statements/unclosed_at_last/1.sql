CREATE TABLE main.u.a (a BIGNIT);
CREATE TABLE main.u.b (a STIRNG) COMMENT 'not closed
