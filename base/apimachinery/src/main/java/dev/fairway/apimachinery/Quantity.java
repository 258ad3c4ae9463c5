// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;

/// An amount such as `500m`, `1.5Gi` or `12e6`.
///
/// Prints canonically as upstream does: no fraction, the largest suffix that loses nothing, in the
/// family (binary, decimal, exponent) it was written in. Finer than nano is rounded away from zero,
/// and so are fractions of binary amounts of 1Ki and more.
public final class Quantity implements Comparable<Quantity> {
  private enum Family {
    DECIMAL,
    BINARY,
    EXPONENT
  }

  private static final String DECIMAL_SUFFIXES = "numkMGTPE";
  private static final String BINARY_SUFFIXES = "KMGTPE";
  private static final BigDecimal KIBI = BigDecimal.valueOf(1024);
  private static final BigDecimal THOUSAND = BigDecimal.valueOf(1000);
  private static final int LONGEST = 64;

  private final BigDecimal value;
  private final Family family;

  private Quantity(BigDecimal value, Family family) {
    boolean whole = family == Family.BINARY && value.abs().compareTo(KIBI) >= 0;
    int finest = whole ? 0 : 9;
    RoundingMode away = value.signum() < 0 ? RoundingMode.FLOOR : RoundingMode.CEILING;
    this.value = value.scale() > finest ? value.setScale(finest, away) : value;
    this.family = family;
  }

  public static Quantity of(long units) {
    return new Quantity(BigDecimal.valueOf(units), Family.DECIMAL);
  }

  public static Quantity ofBytes(long bytes) {
    return new Quantity(BigDecimal.valueOf(bytes), Family.BINARY);
  }

  /// Parses upstream's syntax. Throws [IllegalArgumentException] if the text is not a quantity.
  public static Quantity parse(String text) {
    int end = 0;
    boolean digits = false;
    boolean point = false;
    while (end < text.length()) {
      char c = text.charAt(end);
      if (c >= '0' && c <= '9') {
        digits = true;
      } else if (c == '.' && !point) {
        point = true;
      } else if ((c != '+' && c != '-') || end != 0) {
        break;
      }
      end++;
    }
    if (!digits || text.length() > LONGEST) {
      throw malformed();
    }
    BigDecimal number = new BigDecimal(text.substring(0, end));
    String suffix = text.substring(end);
    if (suffix.isEmpty()) {
      return new Quantity(number, Family.DECIMAL);
    }
    if (suffix.length() == 1) {
      int at = DECIMAL_SUFFIXES.indexOf(suffix.charAt(0));
      if (at >= 0) {
        int power = at < 3 ? at * 3 - 9 : at * 3 - 6;
        return new Quantity(number.scaleByPowerOfTen(power), Family.DECIMAL);
      }
    }
    if (suffix.length() == 2 && suffix.charAt(1) == 'i') {
      int at = BINARY_SUFFIXES.indexOf(suffix.charAt(0));
      if (at >= 0) {
        return new Quantity(number.multiply(KIBI.pow(at + 1)), Family.BINARY);
      }
    }
    return exponent(number, suffix);
  }

  private static Quantity exponent(BigDecimal number, String suffix) {
    char first = suffix.charAt(0);
    if ((first != 'e' && first != 'E') || suffix.length() < 2 || suffix.length() > 4) {
      throw malformed();
    }
    int exponent;
    try {
      exponent = Integer.parseInt(suffix.substring(1));
    } catch (NumberFormatException e) {
      throw malformed();
    }
    return new Quantity(number.scaleByPowerOfTen(exponent), Family.EXPONENT);
  }

  private static IllegalArgumentException malformed() {
    return new IllegalArgumentException(
        "quantities must match the regular expression"
            + " '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
  }

  public BigDecimal value() {
    return value;
  }

  /// Thousandths, rounded up; capped at the range of a long.
  public long millis() {
    return capped(value.multiply(THOUSAND));
  }

  /// Whole units (bytes of a memory quantity), rounded up; capped at the range of a long.
  public long bytes() {
    return capped(value);
  }

  private static long capped(BigDecimal number) {
    BigInteger whole = number.setScale(0, RoundingMode.CEILING).toBigInteger();
    if (whole.bitLength() > 63) {
      return whole.signum() < 0 ? Long.MIN_VALUE : Long.MAX_VALUE;
    }
    return whole.longValue();
  }

  public Quantity plus(Quantity other) {
    return new Quantity(value.add(other.value), value.signum() == 0 ? other.family : family);
  }

  public Quantity minus(Quantity other) {
    return new Quantity(value.subtract(other.value), family);
  }

  public boolean isNegative() {
    return value.signum() < 0;
  }

  @Override
  public int compareTo(Quantity other) {
    return value.compareTo(other.value);
  }

  /// Equal amounts are equal, however they are written.
  @Override
  public boolean equals(Object other) {
    return other instanceof Quantity quantity && value.compareTo(quantity.value) == 0;
  }

  @Override
  public int hashCode() {
    return value.stripTrailingZeros().hashCode();
  }

  @Override
  public String toString() {
    if (value.signum() == 0) {
      return "0";
    }
    if (family == Family.BINARY && value.abs().compareTo(KIBI) >= 0) {
      return binary();
    }
    BigDecimal stripped = value.stripTrailingZeros();
    // The largest power of 1000 that leaves a whole number.
    int power = Math.floorDiv(-stripped.scale(), 3) * 3;
    power = Math.max(-9, family == Family.EXPONENT ? power : Math.min(18, power));
    String number = stripped.scaleByPowerOfTen(-power).toBigInteger().toString();
    if (power == 0) {
      return number;
    }
    if (family == Family.EXPONENT) {
      return number + "e" + power;
    }
    return number + DECIMAL_SUFFIXES.charAt(power < 0 ? power / 3 + 3 : power / 3 + 2);
  }

  private String binary() {
    BigInteger number = value.setScale(0, RoundingMode.CEILING).toBigInteger();
    int power = 0;
    while (power < 6 && number.getLowestSetBit() >= 10) {
      number = number.shiftRight(10);
      power++;
    }
    return power == 0
        ? number.toString()
        : number + BINARY_SUFFIXES.substring(power - 1, power) + "i";
  }
}
