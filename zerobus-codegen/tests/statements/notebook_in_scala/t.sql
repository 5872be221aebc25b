
// Databricks notebook source
val x = 1

// COMMAND ----------

// MAGIC %sql
// MAGIC CREATE TABLE main.t.a (id INT)

// COMMAND ----------

spark.sql("ALTER TABLE main.t.a ADD COLUMN b INT")
