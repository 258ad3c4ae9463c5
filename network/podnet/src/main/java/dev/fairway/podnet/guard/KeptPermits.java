// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.guard;

import dev.fairway.net.IpAddress;
import dev.fairway.podnet.guard.Guard.Exemption;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The permits that were known last, in a file, for an agent that starts while the API server is
/// away: a line each, of an address and the pod that has it.
final class KeptPermits {
  private static final Logger LOG = LoggerFactory.getLogger(KeptPermits.class);
  private static final int MOST_BYTES = 1 << 20;

  private KeptPermits() {}

  /// A permit counts for its pod only, so what became of the address meanwhile does not matter.
  static Map<IpAddress, Exemption> read(Path file) {
    Map<IpAddress, Exemption> kept = new HashMap<>();
    try {
      if (!Files.exists(file) || Files.size(file) > MOST_BYTES) {
        return kept;
      }
      for (String line : Files.readAllLines(file, StandardCharsets.UTF_8)) {
        int space = line.indexOf(' ');
        if (space > 0 && line.indexOf('/', space) > 0) {
          kept.put(
              IpAddress.parse(line.substring(0, space)),
              new Exemption(true, List.of(), line.substring(space + 1)));
        }
      }
    } catch (IOException | IllegalArgumentException e) {
      LOG.warn("The permits kept in {} are of no use: {}", file, e.toString());
      kept.clear();
    }
    return kept;
  }

  static void write(Path file, Map<IpAddress, Exemption> permits) {
    StringBuilder text = new StringBuilder();
    for (IpAddress address : new TreeSet<>(permits.keySet())) {
      text.append(address).append(' ').append(permits.get(address).pod()).append('\n');
    }
    try {
      Path fresh = file.resolveSibling(file.getFileName() + ".new");
      Files.writeString(fresh, text);
      Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      LOG.warn("Permits cannot be kept for the next start: {}", e.toString());
    }
  }
}
