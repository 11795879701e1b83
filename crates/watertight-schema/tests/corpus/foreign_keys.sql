CREATE TABLE parents (id int PRIMARY KEY, code text UNIQUE);
CREATE TABLE children (id int PRIMARY KEY, parent_id int NOT NULL REFERENCES parents ON DELETE CASCADE);
-- joinable! cannot express two references to one table, to the table itself, to another column than the primary key, or of two columns.
CREATE TABLE twice (id int PRIMARY KEY, one int REFERENCES parents, other int REFERENCES parents);
CREATE TABLE trees (id int PRIMARY KEY, parent_id int REFERENCES trees);
CREATE TABLE by_code (id int PRIMARY KEY, code text REFERENCES parents (code));
CREATE TABLE wide (a int, b int, PRIMARY KEY (a, b));
CREATE TABLE wide_children (id int PRIMARY KEY, a int, b int, FOREIGN KEY (a, b) REFERENCES wide);
-- A cycle.
CREATE TABLE hens (id int PRIMARY KEY);
CREATE TABLE eggs (id int PRIMARY KEY, hen_id int REFERENCES hens);
ALTER TABLE hens ADD COLUMN egg_id int REFERENCES eggs;
-- To another schema.
CREATE TABLE public.outside (id int PRIMARY KEY);
CREATE TABLE insiders (id int PRIMARY KEY, outside_id int REFERENCES public.outside);
-- A column whose name is a Rust keyword.
CREATE TABLE owned (id int PRIMARY KEY, type int REFERENCES children);
