CREATE TABLE base (id int PRIMARY KEY, at date NOT NULL);
CREATE VIEW a_view AS SELECT * FROM base;
CREATE MATERIALIZED VIEW a_materialized_view AS SELECT * FROM base;
CREATE SEQUENCE a_sequence;
CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY);
CREATE TABLE parts (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE parts_2026 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE inheriting (more int, PRIMARY KEY (id)) INHERITS (base);
ALTER TABLE base ADD COLUMN dropped int;
ALTER TABLE base DROP COLUMN dropped;
-- A type that PostgreSQL lists as an array, and the row type of another table.
CREATE TABLE odd_types (id int PRIMARY KEY, vector int2vector, whole base);
