-- Databricks notebook source
-- DBTITLE 1,Another language
-- MAGIC %python
-- MAGIC spark.sql("CREATE TABLE main.e.python (a INT)")

-- COMMAND ----------

-- DBTITLE 1,SQL, said once more
-- MAGIC %sql
-- MAGIC CREATE TABLE main.e.titled (a INT)

-- COMMAND ----------

-- DBTITLE 1,Only a title

-- COMMAND ----------

%scala
spark.table("x")

%sql
CREATE TABLE main.e.after_scala (a INT)

-- COMMAND ----------

CREATE TABLE main.e.plain (a INT)
%md
Text.
%python
more
