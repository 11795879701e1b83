CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE arrays (id int PRIMARY KEY, a text[] NOT NULL, b int[], c mood[], d varchar(5)[], e int[][], f uuid[3]);
