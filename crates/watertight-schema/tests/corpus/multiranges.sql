-- Needs PostgreSQL 14.
CREATE TABLE multiranges (id int4multirange PRIMARY KEY, a int8multirange, b nummultirange, c tsmultirange, d tstzmultirange,
    e datemultirange);
