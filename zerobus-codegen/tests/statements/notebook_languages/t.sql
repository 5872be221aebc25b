-- Databricks notebook source
-- MAGIC %md
-- MAGIC # Title; CREATE TABLE main.t.no (id INT)
-- MAGIC - %sql

-- COMMAND ----------

-- DBTITLE 1,Create
-- MAGIC %sql
-- MAGIC CREATE TABLE main.t.a (id INT,
-- MAGIC   name STRNG)

-- COMMAND ----------

-- MAGIC %sql CREATE TABLE main.t.b (id INT)

-- COMMAND ----------

-- MAGIC %python
-- MAGIC spark.sql("CREATE TABLE main.t.c (id INT)")

-- COMMAND ----------

-- MAGIC %run ./other

-- COMMAND ----------

-- MAGIC %sh ls

-- COMMAND ----------

%sql
CREATE TABLE main.t.d (id INT)

%sql
CREATE TABLE main.t.e (id INT)
-- MAGIC %sql
-- MAGIC CREATE TABLE main.t.f (id INT)
%python
spark.sql("x")

-- COMMAND ----------

CREATE TABLE main.t.g (id INT COMMENT 'open)

-- COMMAND ----------

CREATE TABLE main.t.h (id INT)
