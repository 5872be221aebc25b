# Databricks notebook source
# MAGIC %md
# MAGIC CREATE TABLE main.t.no (id INT)

# COMMAND ----------

# DBTITLE 1,Imports
import re
x = 5 % 3

# COMMAND ----------

# MAGIC %sql
# MAGIC CREATE TABLE main.t.a (
# MAGIC   id INT, -- the key
# MAGIC   name STRNG
# MAGIC );
# MAGIC CREATE TABLE main.t.b (id INT);

# COMMAND ----------

spark.sql("""
CREATE TABLE main.t.c (id INT)
""")

# COMMAND ----------

# MAGIC %sql CREATE TABLE main.t.d (id INT)

# COMMAND ----------

df.write.mode("append").saveAsTable("main.t.e")

# COMMAND ----------

# MAGIC %run ./other

# COMMAND ----------

df.createOrReplaceTempView("no statement about one")
