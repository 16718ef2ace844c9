// pgx and lib/pq as applications use them; prints what they got. The connection comes from PG* variables.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgconn"
	"github.com/jackc/pgx/v4"
	_ "github.com/lib/pq"
)

var start = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func must(err error) {
	if err != nil {
		fmt.Println("FAILED", err)
		os.Exit(1)
	}
}

func main() {
	usePgx()
	usePq()
}

func usePgx() {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, "")
	must(err)
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "CREATE TABLE go_room (time timestamptz NOT NULL, place text NOT NULL, temperature float8, count bigint, open boolean, PRIMARY KEY (place, time))")
	must(err)
	batch := &pgx.Batch{}
	for i := 0; i < 20; i++ {
		batch.Queue("INSERT INTO go_room VALUES ($1, $2, $3, $4, $5)", start.Add(time.Duration(i)*time.Minute), fmt.Sprint("room", i%3), float64(i)/4, int64(1)<<60+int64(i), i%2 == 0)
	}
	results := conn.SendBatch(ctx, batch)
	for i := 0; i < 20; i++ {
		tag, err := results.Exec()
		must(err)
		if i == 0 {
			fmt.Println("tag", tag)
		}
	}
	must(results.Close())

	rows := [][]interface{}{}
	for i := 0; i < 5; i++ {
		rows = append(rows, []interface{}{start.Add(time.Hour + time.Duration(i)*time.Second), "copied", float64(i), int64(i), true})
	}
	copied, err := conn.CopyFrom(ctx, pgx.Identifier{"go_room"}, []string{"time", "place", "temperature", "count", "open"}, pgx.CopyFromRows(rows))
	must(err)
	fmt.Println("copied", copied)

	read, err := conn.Query(ctx, "SELECT time, place, temperature, count, open, time::date AS day, count::numeric, array[temperature, 1.5], interval '36 hours' FROM go_room WHERE place = any($1) AND time >= $2 ORDER BY time", []string{"room1", "copied"}, start.Add(3*time.Minute))
	must(err)
	for read.Next() {
		values, err := read.Values()
		must(err)
		when := values[0].(time.Time).UTC()
		fmt.Println(when.Format(time.RFC3339Nano), values[1], values[2], values[3], values[4], values[5].(time.Time).Format("2006-01-02"))
	}
	must(read.Err())

	var bucket time.Time
	var mean float64
	err = conn.QueryRow(ctx, "SELECT date_trunc('hour', time) AS hour, avg(temperature) FROM go_room WHERE place <> $1 GROUP BY hour ORDER BY hour LIMIT 1", "copied").Scan(&bucket, &mean)
	must(err)
	fmt.Println("mean", bucket.UTC().Format(time.RFC3339), mean)

	_, err = conn.Exec(ctx, "SELECT nothing FROM go_room")
	var failure *pgconn.PgError
	if errors.As(err, &failure) {
		fmt.Println("error", failure.Code, failure.Position)
	}
	timed, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	_, err = conn.Exec(timed, "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b")
	fmt.Println("cancelled", err != nil)
}

func usePq() {
	db, err := sql.Open("postgres", "sslmode=disable")
	must(err)
	defer db.Close()
	var count int64
	must(db.QueryRow("SELECT count(*) FROM go_room WHERE temperature > $1", 1.0).Scan(&count))
	fmt.Println("pq", count)
	statement, err := db.Prepare("SELECT time, temperature FROM go_room WHERE place = $1 ORDER BY time LIMIT $2")
	must(err)
	rows, err := statement.Query("room0", 3)
	must(err)
	for rows.Next() {
		var when time.Time
		var value sql.NullFloat64
		must(rows.Scan(&when, &value))
		fmt.Println("pq", when.UTC().Format(time.RFC3339), value.Float64)
	}
	transaction, err := db.Begin()
	must(err)
	_, err = transaction.Exec("INSERT INTO go_room (time, place, temperature) VALUES ($1, $2, $3)", start.Add(2*time.Hour), "later", 5.5)
	must(err)
	must(transaction.Commit())
	must(db.QueryRow("SELECT temperature FROM go_room WHERE place = 'later'").Scan(&mean))
	fmt.Println("pq", mean)
	_, err = db.Exec("DROP TABLE go_room")
	must(err)
}

var mean float64
