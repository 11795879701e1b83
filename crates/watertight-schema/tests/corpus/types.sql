-- Every type that Diesel 2.3 has for PostgreSQL, but those of multiranges.sql.
CREATE TABLE numbers (id serial PRIMARY KEY, a smallint NOT NULL, b integer, c bigint, d real, e double precision, f numeric,
    g numeric(10, 2), h money, i oid, j bigserial, k smallserial);
CREATE TABLE texts (id text PRIMARY KEY, a varchar, b varchar(20), c char(3), d bpchar, e "char", f name, g bytea, h bit(8),
    i varbit(8), j bit varying, k citext);
CREATE TABLE times (id timestamptz PRIMARY KEY, a timestamp, b date, c time, d interval, e timestamp(3), f timetz);
CREATE TABLE others (id uuid PRIMARY KEY, a boolean, b json, c jsonb, d inet, e cidr, f macaddr, g macaddr8, h pg_lsn, i xml,
    j tsvector, k point, l hstore);
CREATE TABLE ranges (id int4range PRIMARY KEY, a int8range, b numrange, c tsrange, d tstzrange, e daterange);
