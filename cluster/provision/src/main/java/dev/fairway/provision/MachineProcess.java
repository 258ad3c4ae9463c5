// SPDX-License-Identifier: Apache-2.0
package dev.fairway.provision;

import dev.fairway.linux.Cgroups;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;

/// A long-running process of a machine: inside its network namespace and control group, its output
/// in a log file, known by a file that holds its process id.
///
/// A process id alone may have been given to another process since; the file also holds when the
/// process began, and only both together are believed.
public final class MachineProcess {
  private static final Duration TERMINATION_GRACE = Duration.ofSeconds(5);
  private static final Duration START_PATIENCE = Duration.ofSeconds(10);
  private static final Duration POLL = Duration.ofMillis(2);
  private static final int LAST_LINES = 6;

  private final ClusterPaths paths;
  private final Machine machine;
  private final String name;

  public MachineProcess(ClusterPaths paths, Machine machine, String name) {
    this.paths = paths;
    this.machine = machine;
    this.name = name;
  }

  public Machine machine() {
    return machine;
  }

  public String name() {
    return name;
  }

  /// The id of the process, empty if it does not run.
  public Optional<Long> pid() {
    try {
      String[] words = Files.readString(pidFile()).strip().split(" ");
      long pid = Long.parseLong(words[0]);
      return words.length == 2 && words[1].equals(beginOf(pid))
          ? Optional.of(pid)
          : Optional.empty();
    } catch (IOException | NumberFormatException e) {
      return Optional.empty();
    }
  }

  /// Starts it unless it runs; it goes on when this process ends.
  ///
  /// @return whether it had to be started
  public boolean start(List<String> command) {
    if (pid().isPresent()) {
      return false;
    }
    Path log = paths.logFile(machine, name);
    try {
      Files.createDirectories(log.getParent());
      Files.createDirectories(pidFile().getParent());
      List<String> words = new ArrayList<>();
      // A new session, so that the terminal's end is not the process's end. The shell joins the
      // control group before it becomes the process, so that no child is ever outside of it.
      String namespace = "--net=" + paths.networkNamespace(machine);
      words.addAll(List.of("setsid", "nsenter", namespace, "--", "sh", "-c", JOIN_AND_RUN, "sh"));
      words.addAll(command);
      ProcessBuilder builder =
          new ProcessBuilder(words)
              .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
              .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
              .redirectErrorStream(true);
      builder.environment().put("FAIRWAY_CGROUPS", controlGroupFiles());
      builder.environment().put("FAIRWAY_PID_FILE", pidFile().toString());
      awaitJoined(builder.start());
      return true;
    } catch (IOException e) {
      throw new ProvisionException(
          name + " on " + machine.name() + " cannot be started: " + e.getMessage(), e);
    }
  }

  /// What the process does first. It notes its own id, so that it is known even if nobody lives to
  /// see it started: who it is, and when it began (the 20th word after its name, see [#beginOf]).
  private static final String JOIN_AND_RUN =
      """
      note() { shift 19; echo $$ $1 > "$FAIRWAY_PID_FILE.next"; }
      for f in $FAIRWAY_CGROUPS; do echo $$ > "$f" || exit 1; done
      read -r stat < /proc/$$/stat
      note ${stat##*) }
      mv "$FAIRWAY_PID_FILE.next" "$FAIRWAY_PID_FILE" || exit 1
      unset FAIRWAY_CGROUPS FAIRWAY_PID_FILE stat
      exec "$@"
      """;

  private void awaitJoined(Process process) throws IOException {
    long deadline = System.nanoTime() + START_PATIENCE.toNanos();
    while (!pid().equals(Optional.of(process.pid()))) {
      if (!process.isAlive()) {
        throw new IOException("it ended at once" + lastWords());
      }
      if (System.nanoTime() > deadline) {
        process.destroyForcibly();
        throw new IOException("it hung" + lastWords());
      }
      LockSupport.parkNanos(POLL.toNanos());
    }
  }

  /// The end of what it said, each line indented, for a message about its failure.
  public String lastWords() {
    Path log = paths.logFile(machine, name);
    try {
      List<String> lines = Files.readAllLines(log);
      return "; it said last:\n  "
          + String.join(
              "\n  ", lines.subList(Math.max(0, lines.size() - LAST_LINES), lines.size()));
    } catch (IOException e) {
      return "; its log " + log + " cannot be read";
    }
  }

  /// Ends it, by force if it does not go by itself.
  public void stop() throws InterruptedException {
    Optional<ProcessHandle> process = pid().flatMap(ProcessHandle::of);
    if (process.isPresent()) {
      process.get().destroy();
      long deadline = System.nanoTime() + TERMINATION_GRACE.toNanos();
      while (process.get().isAlive() && System.nanoTime() < deadline) {
        Thread.sleep(10);
      }
      process.get().destroyForcibly();
    }
    pidFile().toFile().delete();
  }

  private Path pidFile() {
    return paths.machineRun(machine).resolve(name + ".pid");
  }

  private String controlGroupFiles() {
    String group = paths.systemCgroup(machine);
    Cgroups cgroups = Cgroups.find();
    cgroups.create(group);
    List<String> files = new ArrayList<>();
    for (Cgroups.Hierarchy hierarchy : cgroups.hierarchies()) {
      files.add(hierarchy.mount().resolve(group).resolve("cgroup.procs").toString());
    }
    return String.join(" ", files);
  }

  /// When a process began, in clock ticks since boot: field 22 of proc_pid_stat(5).
  private static String beginOf(long pid) throws IOException {
    String stat = Files.readString(Path.of("/proc", String.valueOf(pid), "stat"));
    // The second field is the program's name in parentheses and may hold anything.
    String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
    if (fields[0].equals("Z")) {
      throw new IOException("process " + pid + " has ended");
    }
    return fields[19];
  }
}
