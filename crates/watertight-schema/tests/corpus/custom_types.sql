CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TYPE "Odd Name" AS ENUM ('a');
CREATE TYPE public.shared AS ENUM ('a');
CREATE TYPE pair AS (a int, b text);
CREATE TYPE float_range AS RANGE (subtype = float8);
CREATE DOMAIN email AS varchar(50) NOT NULL;
CREATE TABLE custom (id int PRIMARY KEY, a mood NOT NULL, b "Odd Name", c public.shared, d pair, e email, f float_range, g mood);
CREATE TABLE other (id int PRIMARY KEY, a mood);
