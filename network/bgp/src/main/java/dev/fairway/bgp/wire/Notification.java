// SPDX-License-Identifier: Apache-2.0
package dev.fairway.bgp.wire;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// The last message of a session: why it ends (RFC 4271 4.5).
///
/// @param code what kind of error
/// @param subcode which one
/// @param content what belongs to it; not to be changed
public record Notification(int code, int subcode, byte[] content) implements Message {
  private static final int LONGEST_COMMUNICATION = 255; // RFC 9003 2

  // RFC 4271 4.5
  public static final int HEADER = 1;
  public static final int OPEN = 2;
  public static final int UPDATE = 3;
  public static final int HOLD_TIMER = 4;
  public static final int STATE_MACHINE = 5;
  public static final int CEASE = 6;
  public static final int REFRESH = 7; // RFC 7313 5
  public static final int SEND_HOLD_TIMER = 8; // RFC 9687 3.2

  // Subcodes of CEASE: RFC 4486 4, RFC 9384
  public static final int MAXIMUM_PREFIXES = 1;
  public static final int ADMINISTRATIVE_SHUTDOWN = 2;
  public static final int PEER_DECONFIGURED = 3;
  public static final int ADMINISTRATIVE_RESET = 4;
  public static final int CONNECTION_REJECTED = 5;
  public static final int CONFIGURATION_CHANGE = 6;
  public static final int COLLISION = 7;
  public static final int OUT_OF_RESOURCES = 8;
  public static final int BFD_DOWN = 10;

  public static Notification of(int code, int subcode) {
    return new Notification(code, subcode, new byte[0]);
  }

  /// Cease for people (RFC 9003): what is too long is cut.
  public static Notification shutdown(int subcode, String why) {
    byte[] text = why.getBytes(StandardCharsets.UTF_8);
    int length = Math.min(text.length, LONGEST_COMMUNICATION);
    while (length < text.length && length > 0 && (text[length] & 0xc0) == 0x80) {
      length--; // not in the middle of a character
    }
    byte[] content = new byte[length + 1];
    content[0] = (byte) length;
    System.arraycopy(text, 0, content, 1, length);
    return new Notification(CEASE, subcode, content);
  }

  /// What a shutdown or reset tells people, if it does (RFC 9003).
  public Optional<String> communication() {
    boolean may =
        code == CEASE && (subcode == ADMINISTRATIVE_SHUTDOWN || subcode == ADMINISTRATIVE_RESET);
    if (!may || content.length < 2 || (content[0] & 0xff) > content.length - 1) {
      return Optional.empty();
    }
    try {
      return Optional.of(
          StandardCharsets.UTF_8
              .newDecoder()
              .onMalformedInput(CodingErrorAction.REPORT)
              .decode(ByteBuffer.wrap(content, 1, content[0] & 0xff))
              .codePoints()
              .map(c -> Character.isISOControl(c) ? ' ' : c)
              .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
              .toString());
    } catch (CharacterCodingException e) {
      return Optional.empty();
    }
  }

  /// For people.
  @Override
  public String toString() {
    String kind =
        switch (code) {
          case HEADER -> "Message Header Error";
          case OPEN -> "OPEN Message Error";
          case UPDATE -> "UPDATE Message Error";
          case HOLD_TIMER -> "Hold Timer Expired";
          case STATE_MACHINE -> "Finite State Machine Error";
          case CEASE -> "Cease";
          case REFRESH -> "ROUTE-REFRESH Message Error";
          case SEND_HOLD_TIMER -> "Send Hold Timer Expired";
          default -> "error " + code;
        };
    return kind
        + subcodeText().map(text -> ", " + text).orElse("")
        + communication().map(text -> ": " + text).orElse("");
  }

  private Optional<String> subcodeText() {
    if (code == CEASE) {
      return Optional.of(
          switch (subcode) {
            case MAXIMUM_PREFIXES -> "Maximum Number of Prefixes Reached";
            case ADMINISTRATIVE_SHUTDOWN -> "Administrative Shutdown";
            case PEER_DECONFIGURED -> "Peer De-configured";
            case ADMINISTRATIVE_RESET -> "Administrative Reset";
            case CONNECTION_REJECTED -> "Connection Rejected";
            case CONFIGURATION_CHANGE -> "Other Configuration Change";
            case COLLISION -> "Connection Collision Resolution";
            case OUT_OF_RESOURCES -> "Out of Resources";
            case BFD_DOWN -> "BFD Down";
            default -> "subcode " + subcode;
          });
    }
    if (code == OPEN) {
      return Optional.of(
          switch (subcode) {
            case 1 -> "Unsupported Version Number";
            case 2 -> "Bad Peer AS";
            case 3 -> "Bad BGP Identifier";
            case 4 -> "Unsupported Optional Parameter";
            case 6 -> "Unacceptable Hold Time";
            case 7 -> "Unsupported Capability";
            default -> "subcode " + subcode;
          });
    }
    return subcode == 0 ? Optional.empty() : Optional.of("subcode " + subcode);
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof Notification that
        && code == that.code
        && subcode == that.subcode
        && Arrays.equals(content, that.content);
  }

  @Override
  public int hashCode() {
    return 31 * (31 * code + subcode) + Arrays.hashCode(content);
  }
}
