// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.bpf;

/// One instruction of the kernel's virtual machine (RFC 9669). A [Label] is none; it is a place.
public sealed interface BpfInstruction {
  /// The machine's registers: R0 holds results, R1 to R5 arguments (lost in calls), R6 to R9 last,
  /// R10 points to the end of the stack.
  enum Register implements Operand {
    R0(0),
    R1(1),
    R2(2),
    R3(3),
    R4(4),
    R5(5),
    R6(6),
    R7(7),
    R8(8),
    R9(9),
    R10(10);

    final int number;

    Register(int number) {
      this.number = number;
    }

    @Override
    public String toString() {
      return "r" + number;
    }
  }

  /// A register or a number.
  sealed interface Operand {}

  /// A number, extended by its sign where 64 bits are wanted.
  record Constant(int value) implements Operand {
    @Override
    public String toString() {
      return Integer.toString(value);
    }
  }

  /// How much is read or written.
  enum Width {
    WORD(0x00, "u32"),
    HALF(0x08, "u16"),
    BYTE(0x10, "u8"),
    LONG(0x18, "u64");

    final int code;
    final String word;

    Width(int code, String word) {
      this.code = code;
      this.word = word;
    }
  }

  /// What to compute.
  enum Operation {
    ADD(0x00, "+="),
    SUBTRACT(0x10, "-="),
    MULTIPLY(0x20, "*="),
    OR(0x40, "|="),
    AND(0x50, "&="),
    SHIFT_LEFT(0x60, "<<="),
    SHIFT_RIGHT(0x70, ">>="),
    MODULO(0x90, "%="),
    XOR(0xa0, "^="),
    MOVE(0xb0, "=");

    final int code;
    final String sign;

    Operation(int code, String sign) {
      this.code = code;
      this.sign = sign;
    }
  }

  /// When to jump; numbers have no sign.
  enum Condition {
    EQUAL(0x10, "=="),
    GREATER(0x20, ">"),
    GREATER_OR_EQUAL(0x30, ">="),
    ANY_BIT(0x40, "&"),
    NOT_EQUAL(0x50, "!="),
    LESS(0xa0, "<"),
    LESS_OR_EQUAL(0xb0, "<=");

    final int code;
    final String sign;

    Condition(int code, String sign) {
      this.code = code;
      this.sign = sign;
    }
  }

  /// `to op= by`, in all 64 bits or in the lower 32 (which clears the upper).
  record Compute(Operation operation, boolean wide, Register to, Operand by)
      implements BpfInstruction {}

  /// Turns the lower bits from the machine's order to the network's, or back.
  record SwapBytes(Register register, int bits) implements BpfInstruction {}

  /// Reads memory.
  record Load(Width width, Register to, Register from, int offset) implements BpfInstruction {}

  /// Writes memory.
  record Store(Width width, Register to, int offset, Operand value) implements BpfInstruction {}

  /// Adds to memory, also with other processors at it.
  record AtomicAdd(Width width, Register to, int offset, Register by) implements BpfInstruction {}

  /// Writes memory if it holds what R0 holds, and leaves what it held in R0; what other processors
  /// see of memory before and after keeps that order.
  record CompareExchange(Width width, Register to, int offset, Register value)
      implements BpfInstruction {}

  /// Loads the address of a map, by the name it has in the code.
  record LoadMap(Register to, String map) implements BpfInstruction {}

  /// Jumps forth or back; a jump back must be in a loop that the verifier sees end.
  record Jump(String label) implements BpfInstruction {}

  /// Jumps if a comparison of all 64 bits holds.
  record JumpIf(Condition condition, Register left, Operand right, String label)
      implements BpfInstruction {}

  /// Calls a helper.
  record Call(BpfFunction helper) implements BpfInstruction {}

  /// Calls a function of the kernel by its name in [KernelTypes].
  record CallKernel(String function) implements BpfInstruction {}

  /// Ends with R0.
  record Exit() implements BpfInstruction {}

  /// A place to jump to.
  record Label(String name) implements BpfInstruction {}
}
