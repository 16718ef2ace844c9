SELECT 1
SELECT 1, 1.5, 5000000000, 'a', true, null
SELECT -1, +2, - 1.5
SELECT 1 + 1, 1 + 1.5, 1 + 5000000000, 1.5 + 1e3
SELECT 1 / 2, 1 / 2.0, 5 % 3, 2 ^ 3, |/ 4, @ -5
SELECT 'a' || 'b', 'a' || 1, 1 || 'a'
SELECT '1' + 1, 1 + '1', '1' + 1.5
SELECT 1 = 1, 1 < 2.5, 'a' < 'b', true = false
SELECT 1::text, '1'::int, 1::float8, 1.5::int4, 'true'::bool
SELECT cast(1 AS numeric(10,2)), cast('a' AS varchar(5)), 'a'::char(3)
SELECT int '5', float8 '1.5', timestamptz '2026-01-01', interval '1 h', date '2026-01-01'
SELECT interval '5' day, interval '1' hour * 2
SELECT now(), current_timestamp, current_date, localtimestamp
SELECT now() - interval '1 day', now() - now(), current_date + 1, current_date - current_date
SELECT now()::date, now()::timestamp, now()::time, '2026-01-01'::date::timestamptz
SELECT now() AT TIME ZONE 'UTC', (now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
SELECT extract(epoch FROM now()), extract(hour FROM interval '1 h'), date_part('day', now())
SELECT date_trunc('hour', now()), date_trunc('day', now()::timestamp), date_trunc('h', interval '1 h')
SELECT date_bin('5 minutes', now(), '2026-01-01')
SELECT to_timestamp(5), to_char(now(), 'YYYY'), age(now(), now())
SELECT lower('A'), upper('a'), length('abc'), substr('abc', 2), substring('abc' FROM 2 FOR 1)
SELECT trim('  a '), ltrim('a'), btrim('a', 'b'), position('a' IN 'ba'), overlay('abc' PLACING 'x' FROM 1)
SELECT replace('a', 'b', 'c'), split_part('a,b', ',', 1), concat('a', 1, true), concat_ws(',', 'a', 2)
SELECT left('abc', 2), right('abc', 1), repeat('a', 3), reverse('ab'), lpad('a', 3), initcap('a b')
SELECT abs(-1), abs(-1.5), abs(-1::float8), abs(5000000000)
SELECT round(1.5), round(1.5::float8), round(1.55, 1), ceil(1.5), floor(1.5::float8), trunc(1.55, 1)
SELECT sqrt(4), power(2, 3), power(2.0, 3), exp(1), ln(2), log(10), log(2, 8)
SELECT mod(5, 3), mod(5.5, 3), sign(-5), div(7, 2), pi(), random()
SELECT greatest(1, 2.5), least('a', 'b'), greatest(1, 2::int8)
SELECT coalesce(null, 1), coalesce(1, 2.5), coalesce(null, 'a'), nullif(1, 2), nullif('a', 'b'), nullif(1, 2.5)
SELECT CASE WHEN true THEN 1 ELSE 2.5 END, CASE 1 WHEN 1 THEN 'a' END, CASE WHEN true THEN null END
SELECT CASE WHEN true THEN '1' ELSE 2 END, CASE WHEN true THEN now() ELSE '2026-01-01' END
SELECT true AND false, NOT true, null OR true
SELECT 1 IS NULL, null IS NOT NULL, true IS TRUE, null IS UNKNOWN, 1 IS DISTINCT FROM 2
SELECT 1 BETWEEN 0 AND 2, 'a' NOT BETWEEN 'b' AND 'c', 2 BETWEEN SYMMETRIC 3 AND 1
SELECT 1 IN (1, 2), 'a' NOT IN ('b'), 1.5 IN (1, 2), 1 IN (1, 2.5)
SELECT 'a' LIKE 'b', 'a' ILIKE 'b', 'a' NOT LIKE 'b' ESCAPE '!', 'a' SIMILAR TO 'b', 'a' ~ 'b', 'a' !~* 'b'
SELECT ARRAY[1, 2], ARRAY[1, 2.5], ARRAY['a'], ARRAY[[1], [2]], ARRAY[]::int[], ARRAY[null, 1]
SELECT (ARRAY[1, 2])[1], (ARRAY['a', 'b'])[1:2], '{1,2}'::int[]
SELECT ARRAY[1] || 2, ARRAY[1] || ARRAY[2], 1 || ARRAY[2], ARRAY[1] || '{2}'
SELECT ARRAY[1] = ARRAY[2], ARRAY[1] @> ARRAY[1], 1 = ANY (ARRAY[1]), 1 < ALL ('{1,2}')
SELECT array_length(ARRAY[1], 1), cardinality(ARRAY[1]), array_to_string(ARRAY[1], ','), string_to_array('a,b', ',')
SELECT array_append(ARRAY[1], 2), array_position(ARRAY['a'], 'a'), array_cat(ARRAY[1], ARRAY[2])
SELECT EXISTS (SELECT 1), (SELECT 1), ARRAY(SELECT 1), 1 IN (SELECT 2), 1 > ALL (SELECT 2)
SELECT (SELECT host FROM cpu LIMIT 1), (SELECT max(usage) FROM cpu) + 1
SELECT current_user, session_user, current_database(), current_schema(), version()
SELECT pg_typeof(1), format('%s', 1), md5('a'), quote_ident('a'), encode('a', 'hex')
SELECT 'a' AS x, 'b' y, 1 AS "Z"
SELECT (1), ((2))
SELECT (1, 2) = (1, 2), (1, 2) < (2, 1), (1, 'a') IN ((1, 'a'), (2, 'b')), (1, null) IS NULL
SELECT '1' = 1, '1.5' = 1.5, 'a' = 'b', '2026-01-01' = now()
SELECT 1::int2 + 1::int2, 1::int2 + 1, 1::int8 + 1::int2, 1::float4 + 1, 1::float4 + 1::float8, 1.5 + 1::float8
SELECT * FROM cpu
SELECT cpu.* FROM cpu
SELECT c.*, 1 FROM cpu c
SELECT public.cpu.host, public.cpu.* FROM public.cpu
SELECT host, usage FROM cpu WHERE time > now() - interval '1 h' AND host = 'a'
SELECT host FROM cpu WHERE time BETWEEN '2026-01-01' AND '2026-01-02' ORDER BY time DESC LIMIT 5
SELECT host AS h FROM cpu ORDER BY h, usage NULLS FIRST OFFSET 2 FETCH FIRST 3 ROWS ONLY
SELECT host FROM cpu ORDER BY usage + 1, 1 DESC
SELECT usage AS host, host AS usage FROM cpu ORDER BY host
SELECT "Load", small, exact FROM mixed
SELECT small + 1, small * small, exact / 2, "Load" * exact, small / 2.0 FROM mixed
SELECT sum(small), avg(small), sum(exact), max("Load"), sum("Load") FROM mixed
SELECT count(*), count(usage), sum(usage), avg(usage), min(time), max(host) FROM cpu
SELECT sum(cores), avg(cores), stddev(usage), variance(cores), stddev_pop(usage) FROM cpu
SELECT bool_and(busy), bool_or(busy), every(busy), string_agg(host, ','), array_agg(usage), array_agg(host ORDER BY time) FROM cpu
SELECT count(DISTINCT host), sum(DISTINCT cores), count(*) FILTER (WHERE busy) FROM cpu
SELECT corr(usage, cores), regr_slope(usage, cores), covar_pop(usage, cores) FROM cpu
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY usage), percentile_disc(0.5) WITHIN GROUP (ORDER BY cores), mode() WITHIN GROUP (ORDER BY host) FROM cpu
SELECT percentile_cont(ARRAY[0.1, 0.9]) WITHIN GROUP (ORDER BY usage) FROM cpu
SELECT host, avg(usage) FROM cpu GROUP BY host HAVING avg(usage) > 1 ORDER BY avg(usage) DESC
SELECT host, avg(usage) AS a FROM cpu GROUP BY 1 ORDER BY a
SELECT host AS h, count(*) FROM cpu GROUP BY h
SELECT lower(host), count(*) + 1 FROM cpu GROUP BY lower(host)
SELECT lower(host) || 'x' FROM cpu GROUP BY lower(host)
SELECT date_trunc('hour', time) AS t, host, max(usage) FROM cpu GROUP BY t, host ORDER BY t
SELECT floor(extract(epoch FROM time) / 300) * 300 AS "time", avg(usage) FROM cpu GROUP BY 1 ORDER BY 1
SELECT host, busy, count(*) FROM cpu GROUP BY ROLLUP (host, busy)
SELECT host, busy, grouping(host, busy) FROM cpu GROUP BY CUBE (host, busy)
SELECT host, sum(usage) FROM cpu GROUP BY GROUPING SETS ((host), ())
SELECT 1 FROM cpu GROUP BY ()
SELECT count(*) FROM cpu HAVING count(*) > 1
SELECT DISTINCT host FROM cpu ORDER BY host
SELECT DISTINCT ON (host) host, time, usage FROM cpu ORDER BY host, time DESC
SELECT DISTINCT ON (host, busy) * FROM cpu ORDER BY busy, host
SELECT DISTINCT count(*) FROM cpu GROUP BY host
SELECT row_number() OVER (), rank() OVER (ORDER BY usage), dense_rank() OVER (PARTITION BY host ORDER BY time) FROM cpu
SELECT ntile(4) OVER (ORDER BY time), percent_rank() OVER (ORDER BY usage), cume_dist() OVER (ORDER BY usage) FROM cpu
SELECT lag(usage) OVER (ORDER BY time), lead(usage, 2) OVER (ORDER BY time), lag(cores, 1, 0) OVER (ORDER BY time) FROM cpu
SELECT lag(usage, 1, 0) OVER (ORDER BY time), lag(host, 1, 'x') OVER (ORDER BY time) FROM cpu
SELECT first_value(usage) OVER w, last_value(host) OVER w, nth_value(cores, 2) OVER w FROM cpu WINDOW w AS (ORDER BY time)
SELECT sum(usage) OVER (ORDER BY time ROWS BETWEEN 3 PRECEDING AND CURRENT ROW) FROM cpu
SELECT avg(usage) OVER (ORDER BY time RANGE BETWEEN '1 h' PRECEDING AND CURRENT ROW) FROM cpu
SELECT sum(cores) OVER (PARTITION BY host), count(*) OVER () FROM cpu
SELECT host, sum(sum(usage)) OVER (ORDER BY host) FROM cpu GROUP BY host
SELECT host, rank() OVER (ORDER BY avg(usage) DESC) FROM cpu GROUP BY host
SELECT sum(usage) OVER (w ROWS UNBOUNDED PRECEDING) FROM cpu WINDOW w AS (PARTITION BY host ORDER BY time)
SELECT usage - lag(usage) OVER (PARTITION BY host ORDER BY time) AS d FROM cpu
SELECT c.host, m.used FROM cpu c JOIN mem m ON c.host = m.host AND c.time = m.time
SELECT * FROM cpu c JOIN mem m ON c.host = m.host
SELECT * FROM cpu JOIN mem USING (host)
SELECT * FROM cpu JOIN mem USING (time, host)
SELECT * FROM cpu LEFT JOIN mem USING (host, time)
SELECT * FROM cpu NATURAL JOIN mem
SELECT host FROM cpu NATURAL FULL JOIN mem
SELECT * FROM cpu RIGHT JOIN mem USING (host)
SELECT * FROM cpu FULL JOIN mem USING (host)
SELECT cpu.host, mem.host, host FROM cpu FULL JOIN mem USING (host)
SELECT * FROM cpu CROSS JOIN metrics
SELECT * FROM cpu, mem WHERE cpu.host = mem.host
SELECT * FROM (cpu JOIN mem USING (host)) AS j
SELECT j.host FROM (cpu JOIN mem USING (host)) AS j (host, a, b)
SELECT * FROM cpu c LEFT JOIN LATERAL (SELECT used FROM mem m WHERE m.host = c.host ORDER BY m.time DESC LIMIT 1) l ON true
SELECT c.host, l.* FROM cpu c CROSS JOIN LATERAL (SELECT c.usage * 2 AS d, count(*) FROM mem) l
SELECT * FROM (SELECT host, avg(usage) FROM cpu GROUP BY host) s WHERE avg > 1
SELECT s.x FROM (SELECT 1, 'a') AS s (x, y)
SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS v (n, s)
SELECT * FROM (VALUES (1, null), (2.5, 'b')) AS v
VALUES (1, 'a', true), (2, 'b', null)
VALUES (1), (2.5) ORDER BY 1 LIMIT 1
SELECT * FROM generate_series(1, 3)
SELECT * FROM generate_series(1, 3) g
SELECT g FROM generate_series(1, 3) AS g
SELECT g.x, o FROM generate_series(1, 3) WITH ORDINALITY AS g (x, o)
SELECT * FROM generate_series(now(), now(), '1 h') WITH ORDINALITY
SELECT * FROM unnest(ARRAY[1, 2]) u, unnest(ARRAY['a']) v (w)
SELECT * FROM unnest(ARRAY[1, 2], ARRAY['a'], ARRAY[true]) WITH ORDINALITY
SELECT * FROM unnest(ARRAY[1, 2], ARRAY['a']) AS u (a, b)
SELECT u.* FROM cpu c, unnest(ARRAY[c.usage], ARRAY[c.host]) AS u
SELECT c.host, g FROM cpu c, generate_series(1, c.cores) g
SELECT generate_series(1, 3), 'x'
SELECT unnest(ARRAY[1, 2]) + 1 AS n
SELECT host, unnest(ARRAY[usage, 1]) FROM cpu
SELECT * FROM now()
SELECT * FROM lower('A') AS l
SELECT 1 UNION SELECT 2
SELECT 1 AS a UNION ALL SELECT 2.5 ORDER BY a
SELECT 1 UNION SELECT null
SELECT null UNION SELECT 1
SELECT 'a' UNION SELECT 'b'
SELECT null UNION SELECT null
SELECT '1' UNION SELECT 2
SELECT 1 INTERSECT SELECT 1 EXCEPT SELECT 2
SELECT host FROM cpu UNION SELECT host FROM mem ORDER BY host LIMIT 3
(SELECT host FROM cpu ORDER BY time LIMIT 1) UNION ALL (SELECT 'x')
SELECT time, usage FROM cpu UNION ALL SELECT time, used FROM mem
WITH a AS (SELECT 1 AS x) SELECT * FROM a
WITH a (y) AS (SELECT 1) SELECT y + 1 FROM a
WITH a AS (SELECT host, avg(usage) AS u FROM cpu GROUP BY 1), b AS (SELECT max(u) AS m FROM a) SELECT a.*, b.m FROM a, b
WITH RECURSIVE t (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT n, n * 2 AS d FROM t
WITH RECURSIVE t AS (SELECT 1 AS n, 'a' AS s UNION SELECT n + 1, s || 'b' FROM t WHERE n < 3) SELECT * FROM t
WITH a AS (SELECT 1 AS x) SELECT (SELECT x FROM a), (SELECT max(x) FROM a) FROM a a2
SELECT (WITH a AS (SELECT 5 AS x) SELECT x FROM a)
SELECT host FROM cpu c WHERE EXISTS (SELECT 1 FROM mem m WHERE m.host = c.host)
SELECT host FROM cpu WHERE usage = (SELECT max(usage) FROM cpu)
SELECT host FROM cpu WHERE host IN (SELECT host FROM mem)
SELECT host, (SELECT count(*) FROM mem m WHERE m.host = c.host) FROM cpu c
SELECT host, (SELECT count(*) FROM mem m WHERE m.host = c.host) FROM cpu c GROUP BY host
SELECT host FROM cpu c GROUP BY host HAVING count(*) > (SELECT count(*) FROM mem m WHERE m.host = c.host)
SELECT c.host FROM cpu c ORDER BY (SELECT max(used) FROM mem m WHERE m.host = c.host)
SELECT host COLLATE "C" FROM cpu ORDER BY host COLLATE "C"
SELECT usage::int4, cores::float8, busy::int4, time::date, time::text, usage::text FROM cpu
SELECT usage::numeric(10, 2), host::varchar(5) FROM cpu
SELECT host || usage, usage || host, host || 1 || true FROM cpu
SELECT usage > 1, cores > 1.5, cores = usage, host > 'a', busy > false, time > '2026-01-01' FROM cpu
SELECT cores + 1, cores + 1.5, cores * usage, cores / 2, -cores, - usage, cores % 2 FROM cpu
SELECT cores & 1, cores | 1, cores # 1, ~ cores, cores << 1 FROM cpu
SELECT usage ^ 2, cores ^ 2, abs(usage), round(usage), round(usage::numeric, 2) FROM cpu
SELECT time + interval '1 h', time - time, time - '1 h'::interval, '1 h'::interval + time FROM cpu
SELECT (time - now()) / 2, 2 * interval '1 h', interval '1 h' / 2.5 FROM cpu
SELECT extract(epoch FROM time)::int8, to_char(time, 'HH24'), date_trunc('day', time)::date FROM cpu
SELECT coalesce(usage, 0), coalesce(host, 'x'), coalesce(cores, usage), nullif(usage, 0), greatest(usage, cores) FROM cpu
SELECT CASE WHEN usage > 1 THEN 'a' WHEN busy THEN host END, CASE host WHEN 'a' THEN 1 ELSE usage END FROM cpu
SELECT usage IN (1, 2), host IN ('a', 'b'), cores NOT IN (1, 2.5), host = ANY ('{a,b}') FROM cpu
SELECT host LIKE 'a%', host ILIKE 'A%', host ~ '^a', host !~ 'x', host SIMILAR TO 'a' FROM cpu
SELECT usage IS NULL, busy IS TRUE, busy IS NOT FALSE, busy IS UNKNOWN, usage IS DISTINCT FROM 1 FROM cpu
SELECT usage IS NOT NULL AND busy OR NOT busy FROM cpu
SELECT length(host), upper(host), substr(host, 1, 2), host::bytea, md5(host) FROM cpu
SELECT sum(usage) / count(*), sum(usage) * 2.5, avg(cores) + 1, max(time) - min(time) FROM cpu
SELECT sum(CASE WHEN busy THEN 1 ELSE 0 END), sum(1), sum(1.5), avg(1), max('a') FROM cpu
SELECT count(*)::int4, round(avg(usage)::numeric, 2), coalesce(sum(cores), 0) FROM cpu
SELECT min(usage) OVER (), max(cores + 1) OVER (PARTITION BY lower(host)) FROM cpu
SELECT 'a' 'b'
SELECT E'a\n', U&'\0061', $$x$$, $t$y$t$
SELECT '{"a":1}'::json, '{"a":1}'::jsonb, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid
SELECT host FROM cpu WHERE time > (SELECT max(time) FROM cpu) - interval '1 h'
SELECT t.x FROM (SELECT unnest(ARRAY[1, 2]) AS x) t
SELECT max(x) FROM (SELECT sum(usage) AS x FROM cpu GROUP BY host) t
SELECT count(*) FROM (SELECT 1 FROM cpu UNION ALL SELECT 2 FROM mem) u
SELECT * FROM cpu WHERE (host, cores) = ('a', 1)
SELECT * FROM cpu WHERE (time, usage) > (now(), 1)
SELECT 1 WHERE false
SELECT 1 ORDER BY 1
SELECT FROM cpu
SELECT now() < '2026-01-01', now() + '1 h', '1 h' + now()
SELECT sum(usage) AS s FROM cpu ORDER BY s
SELECT host FROM cpu GROUP BY host ORDER BY count(*) DESC, max(usage)
SELECT host, count(*) FROM cpu GROUP BY host, busy ORDER BY busy
INSERT INTO cpu VALUES (now(), 'a', 1, 2, true) RETURNING *
INSERT INTO cpu (time, usage) SELECT now(), 1 RETURNING usage AS u, time
DELETE FROM cpu WHERE false RETURNING host, usage + 1
SHOW timezone
SHOW server_version
SHOW ALL
EXPLAIN SELECT 1
EXPLAIN (FORMAT json) SELECT 1
SELECT 1 AS a, 2 AS a
SELECT host FROM cpu WHERE busy
SELECT max(time), min(usage) FROM cpu WHERE host = 'a' OR host = 'b'
SELECT usage FROM cpu WHERE usage > ALL (SELECT used FROM mem)
SELECT count(*) FROM cpu c JOIN mem m USING (host) JOIN metrics ON true
