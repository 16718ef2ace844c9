// JDBC as an application uses it; prints what it got. Connection: PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE.

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.sql.*;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.Properties;
import org.postgresql.PGConnection;

public class Jdbc {
  static final OffsetDateTime START = OffsetDateTime.of(2026, 3, 1, 0, 0, 0, 0, ZoneOffset.UTC);

  public static void main(String[] arguments) throws Exception {
    String url = "jdbc:postgresql://" + env("PGHOST") + ":" + env("PGPORT") + "/" + env("PGDATABASE");
    Properties properties = new Properties();
    properties.setProperty("user", env("PGUSER"));
    properties.setProperty("password", env("PGPASSWORD"));
    try (Connection connection = DriverManager.getConnection(url, properties)) {
      createAndFill(connection);
      describe(connection);
      prepared(connection);
      cursor(connection);
      copy(connection);
      errors(connection);
      transactions(connection);
      run(connection, "DROP TABLE jdbc_room");
    }
  }

  static String env(String name) {
    return System.getenv().getOrDefault(name, "");
  }

  static void run(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  static void createAndFill(Connection connection) throws SQLException {
    run(connection, "CREATE TABLE jdbc_room (time timestamptz NOT NULL, place text NOT NULL, "
        + "temperature double precision, count bigint, open boolean, note text, PRIMARY KEY (place, time))");
    String insert = "INSERT INTO jdbc_room (time, place, temperature, count, open, note) VALUES (?, ?, ?, ?, ?, ?)";
    try (PreparedStatement statement = connection.prepareStatement(insert)) {
      for (int i = 0; i < 50; i++) {
        statement.setObject(1, START.plusMinutes(i));
        statement.setString(2, i % 2 == 0 ? "attic" : "cellar");
        if (i % 7 == 0) statement.setNull(3, Types.DOUBLE);
        else statement.setDouble(3, 20 + i / 4.0);
        statement.setLong(4, 9007199254740993L + i);
        statement.setBoolean(5, i % 3 == 0);
        statement.setString(6, "Käse \"" + i + "\"");
        statement.addBatch();
      }
      int total = 0;
      for (int changed : statement.executeBatch()) total += changed;
      System.out.println("inserted " + total);
    }
  }

  static void describe(Connection connection) throws SQLException {
    DatabaseMetaData data = connection.getMetaData();
    System.out.println(data.getDatabaseProductName());
    try (ResultSet tables = data.getTables(null, "public", "jdbc_%", new String[] {"TABLE"})) {
      while (tables.next()) System.out.println("table " + tables.getString("TABLE_NAME") + " " + tables.getString("TABLE_TYPE"));
    }
    try (ResultSet columns = data.getColumns(null, "public", "jdbc_room", "%")) {
      while (columns.next()) {
        System.out.println("column " + columns.getString("COLUMN_NAME") + " " + columns.getInt("DATA_TYPE") + " "
            + columns.getString("TYPE_NAME") + " " + columns.getInt("COLUMN_SIZE") + " " + columns.getString("IS_NULLABLE")
            + " " + columns.getInt("ORDINAL_POSITION"));
      }
    }
    try (ResultSet schemas = data.getSchemas()) {
      while (schemas.next()) System.out.println("schema " + schemas.getString(1));
    }
  }

  /** The sixth run and later ones use a named statement and binary values. */
  static void prepared(Connection connection) throws SQLException {
    String select = "SELECT time, place, temperature, count, open, note, temperature * 2 AS twice, "
        + "time + interval '1 hour' AS later, date_trunc('hour', time) AS hour, count::numeric / 3 AS third, "
        + "time::date AS day FROM jdbc_room WHERE place = ? AND time >= ? AND time < ? AND (temperature > ? OR temperature IS NULL) ORDER BY time";
    try (PreparedStatement statement = connection.prepareStatement(select)) {
      for (int run = 0; run < 8; run++) {
        statement.setString(1, run % 2 == 0 ? "attic" : "cellar");
        statement.setObject(2, START.plusMinutes(run));
        statement.setObject(3, START.plusMinutes(20 + run));
        statement.setDouble(4, 20.5);
        try (ResultSet rows = statement.executeQuery()) {
          if (run == 0) {
            ResultSetMetaData shape = rows.getMetaData();
            for (int i = 1; i <= shape.getColumnCount(); i++) {
              System.out.println("result " + shape.getColumnLabel(i) + " " + shape.getColumnTypeName(i) + " " + shape.getColumnType(i));
            }
          }
          while (rows.next()) {
            Object temperature = rows.getObject(3);
            System.out.println(run + " " + rows.getObject(1, OffsetDateTime.class) + " " + rows.getString(2) + " " + temperature
                + " " + rows.getLong(4) + " " + rows.getBoolean(5) + " " + rows.getString(6) + " " + rows.getObject(7)
                + " " + rows.getObject(8, OffsetDateTime.class) + " " + rows.getObject(9, OffsetDateTime.class)
                + " " + rows.getBigDecimal(10) + " " + rows.getDate(11));
          }
        }
      }
    }
  }

  static void cursor(Connection connection) throws SQLException {
    connection.setAutoCommit(false);
    try (Statement statement = connection.createStatement()) {
      statement.setFetchSize(7);
      int count = 0;
      double sum = 0;
      try (ResultSet rows = statement.executeQuery("SELECT temperature FROM jdbc_room")) {
        while (rows.next()) {
          count++;
          sum += rows.getDouble(1);
        }
      }
      System.out.println("cursor " + count + " " + sum);
    }
    connection.commit();
    connection.setAutoCommit(true);
  }

  static void copy(Connection connection) throws Exception {
    PGConnection direct = connection.unwrap(PGConnection.class);
    byte[] text = "2026-04-01 00:00:00+00\tattic\t1.5\t\\N\t\\N\ta\\tb\n2026-04-01 00:00:01+00\tattic\t-0.25\t7\tt\t\\N\n"
        .getBytes(StandardCharsets.UTF_8);
    long copied = direct.getCopyAPI().copyIn("COPY jdbc_room FROM STDIN", new ByteArrayInputStream(text));
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    String query = "COPY (SELECT * FROM jdbc_room WHERE time >= '2026-04-01' ORDER BY time) TO STDOUT WITH (FORMAT csv, HEADER)";
    long given = direct.getCopyAPI().copyOut(query, out);
    System.out.println("copied " + copied + " " + given + "\n" + out.toString(StandardCharsets.UTF_8));
  }

  static void errors(Connection connection) {
    String[] wrong = {"SELECT nothing FROM jdbc_room", "SELECT 1 FROM nowhere", "SELECT 1 +", "SELECT 'x'::int", "SELECT 1/0"};
    for (String sql : wrong) {
      try {
        run(connection, sql);
        System.out.println(sql + ": no error");
      } catch (SQLException error) {
        System.out.println(sql + ": " + error.getSQLState());
      }
    }
    try (Statement statement = connection.createStatement()) {
      statement.setQueryTimeout(1);
      statement.executeQuery("SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b");
      System.out.println("timeout: no error");
    } catch (SQLException error) {
      System.out.println("timeout: " + error.getSQLState());
    }
  }

  static void transactions(Connection connection) throws SQLException {
    connection.setAutoCommit(false);
    run(connection, "SELECT 1");
    try {
      run(connection, "SELECT nonsense");
    } catch (SQLException error) {
      System.out.println("in a transaction: " + error.getSQLState());
    }
    try {
      run(connection, "SELECT 1");
    } catch (SQLException error) {
      System.out.println("after it failed: " + error.getSQLState());
    }
    connection.rollback();
    Savepoint point = connection.setSavepoint("a");
    connection.rollback(point);
    connection.rollback();
    connection.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
    run(connection, "SELECT 1");
    connection.commit();
    connection.setReadOnly(true);
    System.out.println("read only " + connection.isReadOnly());
    connection.setAutoCommit(true);
    connection.setReadOnly(false);
    connection.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
    try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery("SHOW transaction_isolation")) {
      rows.next();
      System.out.println(rows.getString(1));
    }
    System.out.println("valid " + connection.isValid(5));
  }
}
