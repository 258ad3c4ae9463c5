// SPDX-License-Identifier: Apache-2.0
package dev.fairway.net;

/// The text form of an IPv6 address: RFC 4291 section 2.2 to read, RFC 5952 to write.
final class Ipv6Text {
  private static final int GROUPS = 8;

  private Ipv6Text() {}

  static IpAddress parse(String text) {
    int[] groups = new int[GROUPS];
    int count = 0;
    int gapAt = -1;
    int at = 0;
    if (text.startsWith("::")) {
      gapAt = 0;
      at = 2;
    } else if (text.startsWith(":")) {
      throw IpAddress.notAnAddress(text);
    }
    while (at < text.length()) {
      int end = at;
      while (end < text.length() && text.charAt(end) != ':') {
        end++;
      }
      String part = text.substring(at, end);
      if (end == text.length() && part.indexOf('.') >= 0) {
        int low = IpAddress.parse(part).ipv4Bits();
        count = put(groups, count, low >>> 16, text);
        count = put(groups, count, low & 0xffff, text);
        break;
      }
      count = put(groups, count, group(part, text), text);
      if (end == text.length()) {
        break;
      }
      at = end + 1;
      if (at < text.length() && text.charAt(at) == ':') {
        if (gapAt >= 0) {
          throw IpAddress.notAnAddress(text);
        }
        gapAt = count;
        at++;
      } else if (at == text.length()) {
        throw IpAddress.notAnAddress(text);
      }
    }
    if (gapAt < 0 ? count != GROUPS : count >= GROUPS) {
      throw IpAddress.notAnAddress(text);
    }
    long high = 0;
    long low = 0;
    int zeros = GROUPS - count;
    for (int i = 0; i < GROUPS; i++) {
      int value = gapAt < 0 || i < gapAt ? groups[i] : i < gapAt + zeros ? 0 : groups[i - zeros];
      if (i < 4) {
        high = high << 16 | value;
      } else {
        low = low << 16 | value;
      }
    }
    return new IpAddress(IpFamily.IPV6, high, low);
  }

  private static int put(int[] groups, int count, int value, String text) {
    if (count == GROUPS) {
      throw IpAddress.notAnAddress(text);
    }
    groups[count] = value;
    return count + 1;
  }

  private static int group(String part, String text) {
    if (part.isEmpty() || part.length() > 4) {
      throw IpAddress.notAnAddress(text);
    }
    int value = 0;
    for (int i = 0; i < part.length(); i++) {
      int digit = Character.digit(part.charAt(i), 16);
      if (digit < 0 || part.charAt(i) > 'f') {
        throw IpAddress.notAnAddress(text);
      }
      value = value << 4 | digit;
    }
    return value;
  }

  static String format(long high, long low) {
    if (high == 0 && low >>> 32 == 0xffff) {
      return "::ffff:" + IpAddress.ofIpv4((int) low);
    }
    int longestAt = -1;
    int longest = 1;
    for (int i = 0; i < GROUPS; i++) {
      int run = 0;
      while (i + run < GROUPS && groupAt(high, low, i + run) == 0) {
        run++;
      }
      if (run > longest) {
        longest = run;
        longestAt = i;
      }
      i += run;
    }
    StringBuilder text = new StringBuilder(39);
    for (int i = 0; i < GROUPS; i++) {
      if (i == longestAt) {
        text.append("::");
        i += longest - 1;
        continue;
      }
      if (!text.isEmpty() && text.charAt(text.length() - 1) != ':') {
        text.append(':');
      }
      text.append(Integer.toHexString(groupAt(high, low, i)));
    }
    return text.toString();
  }

  private static int groupAt(long high, long low, int index) {
    long word = index < 4 ? high : low;
    return (int) (word >>> (48 - 16 * (index & 3))) & 0xffff;
  }
}
