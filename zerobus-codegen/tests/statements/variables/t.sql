CREATE TABLE ${catalog}.iot.a (id BIGINT);
CREATE TABLE ${env}_main.iot.a (id BIGINT);
CREATE TABLE main_${env}.iot.a (id BIGINT);
CREATE TABLE {{ catalog }}.iot.a (id BIGINT);
CREATE TABLE main.{{ schema }}.a (id BIGINT);
CREATE TABLE `${catalog}`.iot.a (id BIGINT);
CREATE TABLE :catalog.iot.a (id BIGINT);
CREATE TABLE $catalog.iot.a (id BIGINT);
CREATE TABLE IDENTIFIER('main.iot.a') (id BIGINT);
CREATE TABLE IDENTIFIER(:name) (id BIGINT);
CREATE TABLE main.iot.b (${column} BIGINT, x ${type});
CREATE TABLE main.iot.c (x INT COMMENT ${comment});
CREATE TABLE ? (id BIGINT);
CREATE TABLE @catalog.iot.a (id BIGINT);
CREATE TABLE <catalog>.iot.a (id BIGINT);
{{ config(materialized='table') }}
;
{% if x %}
;
ALTER TABLE ${catalog}.iot.a ADD COLUMN x INT;
CREATE TABLE main.iot.d (id BIGINT) ${clauses};
