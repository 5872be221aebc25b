CREATE TABLE main.t.a (a INT);
/* CREATE TABLE main.t.b (a INT);
