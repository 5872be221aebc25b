-- Databricks notebook source
CREATE TABLE main.t.a (
  id INT,
-- MAGIC a comment that names no language
  name STRING
);

-- COMMAND ----------

-- MAGIC %md
-- MAGIC %sql is how a cell in SQL begins
