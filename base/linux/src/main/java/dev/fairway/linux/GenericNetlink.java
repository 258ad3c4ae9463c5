// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import dev.fairway.linux.NetlinkSocket.Answer;
import java.util.Optional;

/// Generic netlink (`linux/genetlink.h`): one protocol for many subsystems, each a family that is
/// known by name and numbered anew at each boot.
public final class GenericNetlink {
  private static final int CONTROLLER = 16; // GENL_ID_CTRL
  private static final int GET_FAMILY = 3; // CTRL_CMD_GETFAMILY
  private static final int FAMILY_ID = 1;
  private static final int FAMILY_NAME = 2;
  private static final int ACK = 4;

  private GenericNetlink() {}

  /// The number of a family on this kernel, empty if it has none of that name.
  ///
  /// @param socket of protocol [NetlinkSocket#GENERIC]
  public static Optional<Integer> family(NetlinkSocket socket, String name) {
    NetlinkWriter out = socket.writer();
    out.begin(CONTROLLER, ACK);
    header(out, GET_FAMILY, 1);
    out.attributeText(FAMILY_NAME, name);
    out.end();
    int[] found = new int[1];
    for (Answer answer :
        socket.exchange(
            out,
            (type, payload) ->
                payload.attributes(
                    4,
                    (attribute, value) -> {
                      if (attribute == FAMILY_ID) {
                        found[0] = value.u16(0);
                      }
                    }))) {
      if (answer.errno() != 0 && answer.errno() != Errno.ENOENT) {
        throw new KernelException(
            "CTRL_CMD_GETFAMILY", answer.errno(), "family " + name, answer.reason());
      }
    }
    return found[0] == 0 ? Optional.empty() : Optional.of(found[0]);
  }

  /// Writes `struct genlmsghdr`; attributes follow.
  public static void header(NetlinkWriter out, int command, int version) {
    out.u8(command);
    out.u8(version);
    out.u16(0);
  }
}
