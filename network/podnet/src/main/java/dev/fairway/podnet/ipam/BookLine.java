// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.ipam;

import dev.fairway.net.IpAddress;
import dev.fairway.podnet.ipam.Allocation.Owner;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.StringJoiner;
import java.util.zip.CRC32;

/// One line of the [AddressBook]'s file: a checksum of the rest, then words. `-` is an empty word.
///
///     5f0c7a1e taken 10.200.1.2 4ad8… eth0 9c1f… default/web
///     b3c99120 released 4ad8… eth0
///     0d11e7f2 free 10.200.1.2 9c1f…
sealed interface BookLine {
  record Taken(Allocation allocation) implements BookLine {}

  record Released(String containerId, String interfaceName) implements BookLine {}

  /// Written when the file is made anew, so that the order of reuse and the memory of pods last.
  record Free(IpAddress address, String podUid) implements BookLine {}

  default String render() {
    String words =
        switch (this) {
          case Taken(Allocation(Owner owner, List<IpAddress> addresses)) -> {
            StringJoiner list = new StringJoiner(",");
            addresses.forEach(address -> list.add(address.toString()));
            yield join(
                "taken",
                list.toString(),
                owner.containerId(),
                owner.interfaceName(),
                owner.podUid(),
                owner.pod());
          }
          case Released(String id, String name) -> join("released", id, name);
          case Free(IpAddress address, String podUid) -> join("free", address.toString(), podUid);
        };
    return checksum(words) + " " + words + "\n";
  }

  /// Empty if the line is damaged.
  static Optional<BookLine> parse(String line) {
    int space = line.indexOf(' ');
    if (space != 8 || !checksum(line.substring(9)).equals(line.substring(0, 8))) {
      return Optional.empty();
    }
    List<String> words = split(line.substring(9));
    try {
      return switch (words.getFirst() + " " + words.size()) {
        case "taken 6" -> {
          List<IpAddress> addresses = new ArrayList<>();
          for (String address : words.get(1).split(",", -1)) {
            addresses.add(IpAddress.parse(address));
          }
          Owner owner = new Owner(words.get(2), words.get(3), words.get(4), words.get(5));
          yield Optional.of(new Taken(new Allocation(owner, addresses)));
        }
        case "released 3" -> Optional.of(new Released(words.get(1), words.get(2)));
        case "free 3" -> Optional.of(new Free(IpAddress.parse(words.get(1)), words.get(2)));
        default -> Optional.empty();
      };
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  private static String join(String... words) {
    StringJoiner joined = new StringJoiner(" ");
    for (String word : words) {
      joined.add(word.isEmpty() ? "-" : word);
    }
    return joined.toString();
  }

  private static List<String> split(String text) {
    List<String> words = new ArrayList<>();
    for (String word : text.split(" ", -1)) {
      words.add(word.equals("-") ? "" : word);
    }
    return words;
  }

  private static String checksum(String words) {
    CRC32 crc = new CRC32();
    crc.update(words.getBytes(StandardCharsets.UTF_8));
    return HexFormat.of().toHexDigits((int) crc.getValue());
  }
}
