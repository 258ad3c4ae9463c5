// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

import dev.fairway.store.StoreUnavailable.Reason;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Properties;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.sqlite.JDBC;
import org.sqlite.SQLiteErrorCode;
import org.sqlite.SQLiteException;

/// The file: one table with a row a write, in revision order, and the compacted revision. The state
/// is the newest row of each key, so a write only ever appends; compaction deletes rows that newer
/// ones replaced. Used by one thread at a time.
///
/// The connection holds SQLite's exclusive lock for its whole life: a second process is refused,
/// and no shared-memory file is needed. Failures come out as [StoreUnavailable].
final class SqliteLog implements WriteLog {
  /// "Fwy1", in the file's header, so that `file` and we know whose it is.
  private static final int APPLICATION_ID = 0x46777931;

  private static final int FORMAT = 1;

  private final Path file;
  private final Connection connection;
  private final PreparedStatement insert;
  private final PreparedStatement delete;
  private final PreparedStatement setCompacted;
  private final Statement control;
  private boolean inTransaction;

  private SqliteLog(Path file, Connection connection) throws SQLException {
    this.file = file;
    this.connection = connection;
    insert =
        connection.prepareStatement(
            "insert into writes(revision, key, create_revision, value, crc) values(?,?,?,?,?)");
    delete = connection.prepareStatement("delete from writes where revision = ?");
    setCompacted = connection.prepareStatement("update history set compacted_revision = ?");
    control = connection.createStatement();
  }

  static SqliteLog open(Path file) {
    Path directory = file.getParent();
    if (directory == null || !Files.isDirectory(directory)) {
      throw new StoreUnavailable(
          Reason.NOT_WRITABLE,
          "store file " + file + ": its directory does not exist; create it first",
          null);
    }
    // The driver unpacks its native library; beside the data it is on a disk that is ours.
    if (System.getProperty("org.sqlite.tmpdir") == null) {
      System.setProperty("org.sqlite.tmpdir", directory.toString());
    }
    Connection connection = null;
    try {
      connection = new JDBC().connect(JDBC.PREFIX + file, new Properties());
      prepare(file, connection);
      return new SqliteLog(file, connection);
    } catch (SQLException e) {
      closeQuietly(connection, e);
      throw failure(file, e);
    } catch (StoreUnavailable e) {
      closeQuietly(connection, e);
      throw e;
    }
  }

  private static void prepare(Path file, Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute("pragma busy_timeout = 0");
      statement.execute("pragma locking_mode = exclusive");
      statement.execute("pragma journal_mode = wal");
      statement.execute("pragma synchronous = full");
      statement.execute("pragma wal_autocheckpoint = 4000");
      statement.execute("pragma journal_size_limit = 67108864");
      statement.execute("pragma cache_size = -16384");
      // Transactions are begun by name: the driver does not notice when SQLite ends one by itself.
      statement.execute("begin immediate");
      int format = number(statement, "pragma user_version");
      if (format == 0) {
        create(file, statement);
      } else if (format != FORMAT || number(statement, "pragma application_id") != APPLICATION_ID) {
        throw new StoreUnavailable(
            Reason.CORRUPT,
            "store file " + file + " is not a store of this version; move it away or use another",
            null);
      }
      // A write takes the lock now, so that a second process learns it here and not later.
      statement.execute("update history set compacted_revision = compacted_revision");
      statement.execute("commit");
    }
  }

  private static void create(Path file, Statement statement) throws SQLException {
    if (number(statement, "select count(*) from sqlite_schema") != 0) {
      throw new StoreUnavailable(
          Reason.CORRUPT,
          "store file " + file + " is another program's SQLite file; use another name",
          null);
    }
    statement.execute(
        """
        create table writes(
          revision integer primary key,
          key text not null,
          create_revision integer not null,
          value blob,
          crc integer not null)
        """);
    statement.execute("create table history(compacted_revision integer not null)");
    statement.execute("insert into history values(1)");
    statement.execute("pragma application_id = " + APPLICATION_ID);
    statement.execute("pragma user_version = " + FORMAT);
  }

  private static int number(Statement statement, String query) throws SQLException {
    try (ResultSet result = statement.executeQuery(query)) {
      return result.next() ? result.getInt(1) : 0;
    }
  }

  @Override
  public String subject() {
    return "store file " + file;
  }

  @Override
  public String shortName() {
    return file.getFileName().toString();
  }

  @Override
  public long compactedRevision() {
    try (Statement statement = connection.createStatement();
        ResultSet result = statement.executeQuery("select compacted_revision from history")) {
      if (!result.next()) {
        throw corrupt("its history row is gone", null);
      }
      return result.getLong(1);
    } catch (SQLException e) {
      throw failure(file, e);
    }
  }

  /// Gives every row in revision order, checked.
  @Override
  public void replay(Consumer<Row> consumer) {
    try (Statement statement = connection.createStatement();
        ResultSet result =
            statement.executeQuery(
                "select revision, key, create_revision, value, crc from writes order by revision")) {
      while (result.next()) {
        String key = result.getString(2);
        if (key == null) {
          throw corrupt("a row has no key", null);
        }
        Row row = new Row(result.getLong(1), key, result.getLong(3), result.getBytes(4));
        if (row.checksum() != result.getLong(5)) {
          throw corrupt("revision " + row.revision() + " of " + key + " fails its checksum", null);
        }
        consumer.accept(row);
      }
    } catch (SQLException e) {
      throw failure(file, e);
    }
  }

  @Override
  public void append(Row row) {
    try {
      begin();
      insert.setLong(1, row.revision());
      insert.setString(2, row.key());
      insert.setLong(3, row.createRevision());
      insert.setBytes(4, row.value());
      insert.setLong(5, row.checksum());
      insert.executeUpdate();
    } catch (SQLException e) {
      throw failure(file, e);
    }
  }

  @Override
  public void delete(long revision) {
    try {
      begin();
      delete.setLong(1, revision);
      delete.executeUpdate();
    } catch (SQLException e) {
      throw failure(file, e);
    }
  }

  @Override
  public void setCompactedRevision(long revision) {
    try {
      begin();
      setCompacted.setLong(1, revision);
      setCompacted.executeUpdate();
    } catch (SQLException e) {
      throw failure(file, e);
    }
  }

  private void begin() throws SQLException {
    if (!inTransaction) {
      control.execute("begin immediate");
      inTransaction = true;
    }
  }

  /// Returns when everything since the last commit is on disk.
  @Override
  public void commit() {
    if (!inTransaction) {
      return;
    }
    try {
      control.execute("commit");
      inTransaction = false;
    } catch (SQLException e) {
      throw failure(file, e);
    }
  }

  /// Takes back everything since the last commit.
  @Override
  public void rollback() {
    if (!inTransaction) {
      return;
    }
    inTransaction = false;
    try {
      control.execute("rollback");
    } catch (SQLiteException e) {
      // After a full disk SQLite has rolled back by itself, and answers the plain error code to a
      // rollback without a transaction, which is the only reason for that code here.
      if (e.getResultCode() != SQLiteErrorCode.SQLITE_ERROR) {
        throw failure(file, e);
      }
    } catch (SQLException e) {
      throw failure(file, e);
    }
  }

  @Override
  public void close() {
    try (connection;
        insert;
        delete;
        setCompacted;
        control) {
      rollback();
    } catch (SQLException e) {
      throw failure(file, e);
    }
  }

  @Override
  public StoreUnavailable corrupt(String what, @Nullable Throwable cause) {
    return corrupt(file, what, cause);
  }

  private static StoreUnavailable corrupt(Path file, String what, @Nullable Throwable cause) {
    return new StoreUnavailable(
        Reason.CORRUPT,
        "store file "
            + file
            + " is damaged ("
            + what
            + "); stop, restore it with its -wal file from a backup, or move both away to start empty",
        cause);
  }

  private static StoreUnavailable failure(Path file, SQLException e) {
    SQLiteErrorCode code =
        e instanceof SQLiteException sqlite ? sqlite.getResultCode() : SQLiteErrorCode.SQLITE_ERROR;
    // Extended result codes carry the primary one in the low byte.
    return switch (code.code & 0xff) {
      case 13 ->
          new StoreUnavailable(
              Reason.DISK_FULL,
              "store file " + file + ": the disk is full; free some space, writes then go on",
              e);
      case 5, 6 ->
          new StoreUnavailable(
              Reason.IN_USE,
              "store file " + file + " is in use by another process; stop that one first",
              e);
      case 8, 14, 3, 23 ->
          new StoreUnavailable(
              Reason.NOT_WRITABLE,
              "store file "
                  + file
                  + " cannot be opened for writing; check the owner and mode of it and its directory",
              e);
      case 11, 26 -> corrupt(file, String.valueOf(e.getMessage()), e);
      default ->
          new StoreUnavailable(
              Reason.BROKEN_DISK,
              "store file "
                  + file
                  + " failed ("
                  + e.getMessage()
                  + "); look for disk errors in the kernel log, then start again",
              e);
    };
  }

  private static void closeQuietly(@Nullable Connection connection, Exception cause) {
    if (connection == null) {
      return;
    }
    try {
      connection.close();
    } catch (SQLException e) {
      cause.addSuppressed(e);
    }
  }
}
