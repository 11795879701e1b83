CREATE TABLE plain (id int PRIMARY KEY, type int, fn text, "Upper" int, "with space" int, "a-b" int, "1st" int, "ä" int,
    plain int, "table" int, "columns" int, is_nullable int, __hidden int, "async" int, "try" int, "gen" int, "quo""te" int);
CREATE TABLE "self_" (id int PRIMARY KEY);
CREATE TABLE a_b (id int PRIMARY KEY, plain_id int REFERENCES plain);
CREATE TABLE __hidden_table (id int PRIMARY KEY);
