
  %sql CREATE TABLE main.e.magic (a BIGNIT);
