SELECT 1 +
SELEC 1
SELECT FROM WHERE
SELECT 'open
SELECT 1 AS
SELECT (1
SELECT * FROM
SELECT 1 2 3 4
SELECT * FROM cpu WHERE
SELECT * FROM cpu GROUP
SELECT 1 FROM cpu ORDER
SELECT nope FROM cpu
SELECT cpu.nope FROM cpu
SELECT c.nope FROM cpu c
SELECT nope.host FROM cpu
SELECT cpu.host FROM cpu c
SELECT host FROM cpu, mem
SELECT * FROM nope
SELECT * FROM nope.cpu
SELECT * FROM cpu JOIN nope ON true
SELECT * FROM cpu, cpu
SELECT * FROM cpu c JOIN mem c ON true
SELECT *
SELECT nope.*
SELECT nope.* FROM cpu
SELECT lower(1) FROM cpu
SELECT nope(1)
SELECT nope()
SELECT lower('a', 'b')
SELECT sum(host) FROM cpu
SELECT avg(busy) FROM cpu
SELECT count() FROM cpu
SELECT lower(*) FROM cpu
SELECT lower(DISTINCT host) FROM cpu
SELECT lower(host ORDER BY host) FROM cpu
SELECT lower(host) FILTER (WHERE true) FROM cpu
SELECT lower(host) OVER () FROM cpu
SELECT host + 1 FROM cpu
SELECT usage || 1 FROM cpu
SELECT busy + busy FROM cpu
SELECT 1 + time FROM cpu
SELECT -host FROM cpu
SELECT host = 1 FROM cpu
SELECT busy > 1 FROM cpu
SELECT usage = true FROM cpu
SELECT * FROM cpu WHERE usage
SELECT * FROM cpu WHERE host
SELECT * FROM cpu WHERE 1
SELECT * FROM cpu WHERE 'x'
SELECT * FROM cpu WHERE usage AND busy
SELECT * FROM cpu WHERE busy OR cores
SELECT * FROM cpu WHERE NOT usage
SELECT * FROM cpu WHERE usage = 'x'
SELECT * FROM cpu WHERE cores = '1.5'
SELECT * FROM cpu WHERE busy = 'maybe'
SELECT * FROM cpu WHERE time > 'yesterdayish'
SELECT 'x'::int4
SELECT '1.5'::int4
SELECT 'a'::bool
SELECT 'x'::float8
SELECT 'x'::numeric
SELECT int '1x'
SELECT cast('z' AS int8)
SELECT 1::nope
SELECT 'x'::nope
SELECT true::float8
SELECT 1::timestamptz
SELECT now()::int4
SELECT interval '1 h'::int4
SELECT numeric '1'::bool
SELECT 1::numeric(0)
SELECT 1::numeric(5,2000)
SELECT 'a'::varchar(0)
SELECT 1::int4(5)
SELECT host FROM cpu WHERE sum(usage) > 1
SELECT sum(sum(usage)) FROM cpu
SELECT host, sum(usage) FROM cpu
SELECT sum(usage), host FROM cpu GROUP BY busy
SELECT host FROM cpu GROUP BY busy
SELECT host, usage + 1 FROM cpu GROUP BY host, usage + 2
SELECT host FROM cpu GROUP BY sum(usage)
SELECT host, sum(usage) FROM cpu GROUP BY 2
SELECT host FROM cpu GROUP BY 3
SELECT host FROM cpu GROUP BY 'x'
SELECT host FROM cpu GROUP BY 0
SELECT host FROM cpu HAVING true
SELECT count(*) FROM cpu HAVING usage > 1
SELECT count(*) FROM cpu HAVING count(*)
SELECT host FROM cpu ORDER BY 3
SELECT host FROM cpu ORDER BY 'x'
SELECT host FROM cpu ORDER BY 1.5
SELECT host FROM cpu ORDER BY nope
SELECT host AS a, usage AS a FROM cpu ORDER BY a
SELECT DISTINCT host FROM cpu ORDER BY usage
SELECT DISTINCT ON (host) host FROM cpu ORDER BY usage
SELECT DISTINCT ON (host, busy) host FROM cpu ORDER BY host, usage, busy
SELECT host FROM cpu ORDER BY count(*)
SELECT host, count(*) FROM cpu GROUP BY host ORDER BY usage
SELECT host FROM cpu LIMIT host
SELECT host FROM cpu LIMIT 'x'
SELECT host FROM cpu LIMIT true
SELECT host FROM cpu OFFSET usage
SELECT host FROM cpu LIMIT sum(1)
SELECT 1 FROM cpu JOIN mem ON usage
SELECT 1 FROM cpu JOIN mem ON cpu.host = nope.host
SELECT 1 FROM cpu JOIN mem ON sum(usage) > 1
SELECT 1 FROM cpu JOIN mem USING (nope)
SELECT 1 FROM cpu JOIN mem USING (usage)
SELECT 1 FROM cpu JOIN mem USING (host, host)
SELECT 1 FROM (SELECT 1) AS a (x, y)
SELECT x FROM (SELECT host FROM cpu) s
SELECT * FROM cpu c, (SELECT c.host) s
SELECT 1 FROM cpu WHERE host IN (SELECT host, usage FROM cpu)
SELECT (SELECT host, usage FROM cpu)
SELECT 1 FROM cpu WHERE usage IN (SELECT host FROM cpu)
SELECT 1 FROM cpu WHERE usage = ANY (1)
SELECT 1 FROM cpu WHERE usage = ANY (host)
SELECT 1 FROM cpu WHERE host = ANY (ARRAY[1,2])
SELECT 1 FROM cpu WHERE usage IN (1, 'x')
SELECT 1 FROM cpu WHERE busy IN (1, 2)
SELECT 1 FROM cpu WHERE usage BETWEEN 'a' AND 2
SELECT 1 FROM cpu WHERE host BETWEEN 1 AND 2
SELECT CASE WHEN 1 THEN 2 END
SELECT CASE WHEN true THEN 1 ELSE 'x' END
SELECT CASE WHEN true THEN 1 ELSE now() END
SELECT CASE 1 WHEN true THEN 1 END
SELECT COALESCE(1, true)
SELECT COALESCE(1, 'x')
SELECT GREATEST(1, now())
SELECT NULLIF(1, true)
SELECT ARRAY[]
SELECT ARRAY[1, true]
SELECT ARRAY[1, 'x']
SELECT usage[1] FROM cpu
SELECT (ARRAY[1,2])['x']
SELECT (ARRAY[1,2])[true]
SELECT 1 UNION SELECT 1, 2
SELECT 1 UNION SELECT 'x'
SELECT 1 UNION SELECT true
SELECT 1 INTERSECT SELECT now()
SELECT 1 EXCEPT SELECT 1, 2
SELECT 1 AS a UNION SELECT 2 ORDER BY b
SELECT 1 AS a UNION SELECT 2 ORDER BY a + 1
SELECT 1 UNION SELECT 2 ORDER BY 2
VALUES (1), (1, 2)
VALUES (1), (true)
VALUES (1, 'a'), (2, 3.5), ('x', 1)
WITH a AS (SELECT 1), a AS (SELECT 2) SELECT 1
WITH a (x, y) AS (SELECT 1) SELECT * FROM a
WITH a AS (SELECT nope) SELECT 1
WITH a AS (SELECT 1) SELECT * FROM b
WITH RECURSIVE a AS (SELECT 1 FROM a) SELECT * FROM a
WITH RECURSIVE a(n) AS (SELECT 1 UNION ALL SELECT n + 1.5 FROM a) SELECT * FROM a
SELECT rank() FROM cpu
SELECT row_number() OVER w FROM cpu
SELECT host FROM cpu WHERE rank() OVER () = 1
SELECT sum(rank() OVER ()) FROM cpu
SELECT rank() OVER (ORDER BY rank() OVER ()) FROM cpu
SELECT row_number(1) OVER () FROM cpu
SELECT lag(usage, 'x') OVER () FROM cpu
SELECT sum(usage) OVER (ROWS BETWEEN usage PRECEDING AND CURRENT ROW) FROM cpu
SELECT sum(usage) OVER (RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) FROM cpu
SELECT sum(usage) OVER (ORDER BY host RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) FROM cpu
SELECT sum(DISTINCT usage) OVER () FROM cpu
SELECT usage, sum(usage) OVER (PARTITION BY host) FROM cpu GROUP BY host
SELECT percentile_cont(0.5) FROM cpu
SELECT percentile_cont('x') WITHIN GROUP (ORDER BY usage) FROM cpu
SELECT sum(usage) WITHIN GROUP (ORDER BY usage) FROM cpu
SELECT sum(usage) FILTER (WHERE usage) FROM cpu
SELECT sum(usage) FILTER (WHERE sum(usage) > 1) FROM cpu
SELECT string_agg(DISTINCT host, ',' ORDER BY usage) FROM cpu
SELECT grouping(usage) FROM cpu GROUP BY host
SELECT host LIKE 1 FROM cpu
SELECT usage LIKE 'a' FROM cpu
SELECT extract(epoch FROM 1)
SELECT host AT TIME ZONE 'UTC' FROM cpu
SELECT (1, 2) = (1, 2, 3)
SELECT (1, 2) = (1, true)
SELECT generate_series(1, 2) FROM cpu WHERE generate_series(1, 2) = 1
SELECT * FROM generate_series(1, 'x')
SELECT * FROM generate_series(true, false)
SELECT * FROM nope(1)
SELECT usage IS TRUE FROM cpu
SELECT host COLLATE "nope" FROM cpu
SELECT usage COLLATE "C" FROM cpu
SELECT 'é' || nope FROM cpu
SELECT 'é€😀', usage + busy FROM cpu
SELECT 99999999999999999999999::int4 + true
INSERT INTO nope VALUES (1)
INSERT INTO cpu (nope) VALUES (1)
INSERT INTO cpu (time, time) VALUES (now(), now())
INSERT INTO cpu (time) VALUES (now(), 1)
INSERT INTO cpu (time, usage) VALUES (now())
INSERT INTO cpu (time, usage) VALUES (now(), true)
INSERT INTO cpu (time, usage) VALUES (now(), 'x')
INSERT INTO cpu (time, host) SELECT now(), nope FROM mem
INSERT INTO cpu (time, busy) SELECT time, used FROM mem
INSERT INTO cpu VALUES (now()) RETURNING nope
DELETE FROM nope
DELETE FROM cpu WHERE nope
DELETE FROM cpu WHERE usage
DELETE FROM cpu WHERE sum(usage) > 1
DELETE FROM cpu RETURNING nope
TRUNCATE nope
ALTER TABLE nope ADD COLUMN a int
ALTER TABLE cpu ADD COLUMN a nope
CREATE TABLE t (a int, a text)
CREATE TABLE t (a nope)
CREATE TABLE t (a int, PRIMARY KEY (b))
CREATE TABLE t (a int PRIMARY KEY, b int PRIMARY KEY)
COPY nope FROM STDIN
COPY cpu (nope) FROM STDIN
COPY cpu FROM STDIN (FORMAT nope)
COPY cpu FROM STDIN (nope)
COPY (SELECT nope) TO STDOUT
EXPLAIN (nope) SELECT 1
EXPLAIN (FORMAT nope) SELECT 1
EXPLAIN SELECT nope
DECLARE c CURSOR FOR SELECT nope
