-- What postgres 3 for Node sends when it connects, from the log of a PostgreSQL 15.18.

--> postgres.js
select b.oid, b.typarray
	      from pg_catalog.pg_type a
	      left join pg_catalog.pg_type b on b.oid = a.typelem
	      where a.typcategory = 'A'
	      group by b.oid, b.typarray
	      order by b.oid;

--> postgres.js
select '{1,2}'::int[];
