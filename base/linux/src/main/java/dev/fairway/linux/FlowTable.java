// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import dev.fairway.net.IpAddress;
import dev.fairway.net.TransportAddress;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;

/// The connections that the kernel tracks, as text: `net/nf_conntrack` of a thread (kernels with
/// `CONFIG_NF_CONNTRACK_PROCFS`). An empty table of 262,144 buckets is read in 0.3 ms so, and in 9
/// ms by ctnetlink.
final class FlowTable {
  private static final Path FILE = Path.of("/proc/thread-self/net/nf_conntrack");

  private FlowTable() {}

  /// Those of a namespace that are wanted; empty if the kernel does not tell them.
  static Optional<List<Conntrack.Flow>> read(
      NetworkNamespace namespace, Predicate<Conntrack.Flow> wanted) {
    return namespace.call(() -> read(wanted));
  }

  /// Those of the calling thread's namespace.
  static Optional<List<Conntrack.Flow>> read(Predicate<Conntrack.Flow> wanted) {
    try (BufferedReader lines = Files.newBufferedReader(FILE, StandardCharsets.US_ASCII)) {
      List<Conntrack.Flow> flows = new ArrayList<>();
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        flow(line).filter(wanted).ifPresent(flows::add);
      }
      return Optional.of(flows);
    } catch (IOException e) {
      return Optional.empty(); // whoever asks has ctnetlink left
    }
  }

  /// A line: family, its number, protocol, its number, and two tuples among other words. Empty for
  /// one of a protocol without ports.
  static Optional<Conntrack.Flow> flow(String line) {
    Words words = new Words(line);
    try {
      words.next();
      words.next();
      words.next();
      int protocol = Integer.parseInt(words.next());
      List<IpAddress> addresses = new ArrayList<>(4);
      List<Integer> ports = new ArrayList<>(4);
      for (String word = words.next(); !word.isEmpty(); word = words.next()) {
        if (word.startsWith("src=") || word.startsWith("dst=")) {
          addresses.add(IpAddress.parse(word.substring(4)));
        } else if (word.startsWith("sport=") || word.startsWith("dport=")) {
          ports.add(Integer.parseInt(word.substring(6)));
        }
      }
      if (addresses.size() != 4 || ports.size() != 4) {
        return Optional.empty();
      }
      List<TransportAddress> ends = new ArrayList<>(4);
      for (int i = 0; i < 4; i++) {
        ends.add(new TransportAddress(addresses.get(i), ports.get(i)));
      }
      return Optional.of(
          new Conntrack.Flow(protocol, ends.get(0), ends.get(1), ends.get(2), ends.get(3)));
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  private static final class Words {
    private final String line;
    private int at;

    Words(String line) {
      this.line = line;
    }

    /// Empty at the end.
    String next() {
      while (at < line.length() && line.charAt(at) == ' ') {
        at++;
      }
      int from = at;
      while (at < line.length() && line.charAt(at) != ' ') {
        at++;
      }
      return line.substring(from, at);
    }
  }
}
