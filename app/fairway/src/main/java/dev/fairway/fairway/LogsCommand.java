// SPDX-License-Identifier: Apache-2.0
package dev.fairway.fairway;

import dev.fairway.provision.LocalCluster;
import dev.fairway.provision.MachineProcess;
import dev.fairway.provision.ProvisionException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "logs", description = "Prints the logs of a cluster's processes.")
final class LogsCommand implements Callable<Integer> {
  private static final int CHUNK_BYTES = 65536;

  @Mixin private ClusterOption cluster = new ClusterOption();

  @Parameters(
      arity = "0..1",
      paramLabel = "MACHINE",
      description = "controller-0, worker-0, …; all if not given")
  private String machine = "";

  @Option(names = "--process", paramLabel = "PROCESS", description = "fairway or containerd")
  private String process = "";

  @Option(
      names = "--tail",
      paramLabel = "LINES",
      defaultValue = "50",
      description = "how many last lines of each (default: ${DEFAULT-VALUE})")
  private int tailLines = 50;

  @Override
  public Integer call() {
    LocalCluster local = new LocalCluster(cluster.spec());
    List<MachineProcess> chosen =
        local.processes().stream()
            .filter(p -> machine.isEmpty() || p.machine().name().equals(machine))
            .filter(p -> process.isEmpty() || p.name().equals(process))
            .toList();
    if (chosen.isEmpty()) {
      throw new ProvisionException(
          "there is no such process; ./fairway status --name " + cluster.name + " shows all");
    }
    for (MachineProcess one : chosen) {
      Path log = local.paths().logFile(one.machine(), one.name());
      System.out.println("==> " + one.machine().name() + " " + one.name() + " (" + log + ")");
      if (Files.exists(log)) {
        System.out.print(tail(log, tailLines));
      }
    }
    return 0;
  }

  /// Reads backwards, so that a log of any size costs only what is shown.
  private static String tail(Path log, int lines) {
    try (RandomAccessFile file = new RandomAccessFile(log.toFile(), "r")) {
      long from = file.length();
      String text = "";
      while (from > 0 && text.lines().count() <= lines) {
        long start = Math.max(0, from - CHUNK_BYTES);
        byte[] chunk = new byte[(int) (from - start)];
        file.seek(start);
        file.readFully(chunk);
        text = new String(chunk, java.nio.charset.StandardCharsets.UTF_8) + text;
        from = start;
      }
      List<String> all = text.lines().toList();
      List<String> last = all.subList(Math.max(0, all.size() - lines), all.size());
      return last.isEmpty() ? "" : String.join("\n", last) + "\n";
    } catch (IOException e) {
      throw new ProvisionException("log " + log + " cannot be read: " + e.getMessage(), e);
    }
  }
}
