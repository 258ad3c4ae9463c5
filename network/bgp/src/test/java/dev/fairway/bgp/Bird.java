// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp;

import dev.fairway.linux.NetworkNamespace;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// A BIRD 2 in a router.
final class Bird {
  private final TestNetwork network;
  private final NetworkNamespace router;
  private final Path control;
  private final Path config;
  private final String log;
  private Process process;

  private Bird(TestNetwork network, NetworkNamespace router, String name, Path config)
      throws IOException {
    this.network = network;
    this.router = router;
    this.config = config;
    control = network.directory().resolve(name + ".ctl");
    log = name + ".log";
    process = launch();
  }

  private Process launch(String... more) throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of("/usr/sbin/bird", "-f", "-c", config.toString(), "-s", control.toString()));
    command.addAll(List.of(more));
    return network.start(router, log, command.toArray(String[]::new));
  }

  static Bird start(TestNetwork network, NetworkNamespace router, String name, String config)
      throws IOException {
    String whole =
        """
        log stderr all;
        protocol device { }
        """
            + (config.contains("local 10.99.0.3") ? "router id 10.99.0.3;" : "router id 10.99.0.2;")
            + config;
    return new Bird(network, router, name, network.file(name + ".conf", whole));
  }

  String ask(String... words) throws Exception {
    String[] command = new String[words.length + 4];
    command[0] = "/usr/sbin/birdc";
    command[1] = "-s";
    command[2] = control.toString();
    command[3] = "-r";
    System.arraycopy(words, 0, command, 4, words.length);
    return TestNetwork.run(router, command);
  }

  /// Also what changes something.
  String tell(String... words) throws Exception {
    String[] command = new String[words.length + 3];
    command[0] = "/usr/sbin/birdc";
    command[1] = "-s";
    command[2] = control.toString();
    System.arraycopy(words, 0, command, 3, words.length);
    return TestNetwork.run(router, command);
  }

  /// As by a power cut; the kernel still closes its connections.
  void kill() throws Exception {
    process.destroyForcibly().waitFor();
  }

  /// Back again, with its former life's routes in mind.
  void restart() throws IOException {
    process = launch("-R");
  }

  String log() throws IOException {
    return network.log(log);
  }
}
