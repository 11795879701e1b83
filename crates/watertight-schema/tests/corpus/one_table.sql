CREATE TABLE lonely (id int PRIMARY KEY);
