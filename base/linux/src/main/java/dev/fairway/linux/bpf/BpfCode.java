// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.bpf;

import dev.fairway.linux.bpf.BpfInstruction.AtomicAdd;
import dev.fairway.linux.bpf.BpfInstruction.Call;
import dev.fairway.linux.bpf.BpfInstruction.CallKernel;
import dev.fairway.linux.bpf.BpfInstruction.CompareExchange;
import dev.fairway.linux.bpf.BpfInstruction.Compute;
import dev.fairway.linux.bpf.BpfInstruction.Constant;
import dev.fairway.linux.bpf.BpfInstruction.Exit;
import dev.fairway.linux.bpf.BpfInstruction.Jump;
import dev.fairway.linux.bpf.BpfInstruction.JumpIf;
import dev.fairway.linux.bpf.BpfInstruction.Label;
import dev.fairway.linux.bpf.BpfInstruction.Load;
import dev.fairway.linux.bpf.BpfInstruction.LoadMap;
import dev.fairway.linux.bpf.BpfInstruction.Operand;
import dev.fairway.linux.bpf.BpfInstruction.Register;
import dev.fairway.linux.bpf.BpfInstruction.Store;
import dev.fairway.linux.bpf.BpfInstruction.SwapBytes;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.ToIntFunction;

/// A program as values: not yet loaded, with its maps and kernel functions by name.
public record BpfCode(List<BpfInstruction> instructions) {
  private static final int SOURCE_IS_REGISTER = 0x08;
  private static final int MAP_BY_DESCRIPTOR = 1;
  private static final int KERNEL_FUNCTION = 2;

  /// `BPF_CMPXCHG`
  private static final int COMPARE_EXCHANGE = 0xf1;

  public BpfCode {
    instructions = List.copyOf(instructions);
    places(instructions);
  }

  /// The names of the kernel functions it calls.
  public Set<String> kernelFunctions() {
    Set<String> names = new LinkedHashSet<>();
    for (BpfInstruction instruction : instructions) {
      if (instruction instanceof CallKernel(String function)) {
        names.add(function);
      }
    }
    return names;
  }

  /// For people and golden files: one line an instruction, places flush left.
  public String listing() {
    StringBuilder out = new StringBuilder();
    for (BpfInstruction instruction : instructions) {
      out.append(instruction instanceof Label ? "" : "  ").append(text(instruction)).append('\n');
    }
    return out.toString();
  }

  private static String text(BpfInstruction instruction) {
    return switch (instruction) {
      case Compute(var operation, boolean wide, Register to, Operand by) ->
          to + " " + operation.sign + " " + by + (wide ? "" : " (32 bits)");
      case SwapBytes(Register register, int bits) ->
          register + " = network order of " + register + " (" + bits + " bits)";
      case Load(var width, Register to, Register from, int offset) ->
          to + " = " + place(width, from, offset);
      case Store(var width, Register to, int offset, Operand value) ->
          place(width, to, offset) + " = " + value;
      case AtomicAdd(var width, Register to, int offset, Register by) ->
          "atomic " + place(width, to, offset) + " += " + by;
      case CompareExchange(var width, Register to, int offset, Register value) ->
          "atomic if " + place(width, to, offset) + " == r0 it = " + value;
      case LoadMap(Register to, String map) -> to + " = map " + map;
      case Jump(String label) -> "goto " + label;
      case JumpIf(var condition, Register left, Operand right, String label) ->
          "if " + left + " " + condition.sign + " " + right + " goto " + label;
      case Call(BpfFunction helper) -> "call " + helper;
      case CallKernel(String function) -> "call kernel " + function;
      case Exit() -> "exit";
      case Label(String name) -> name + ":";
    };
  }

  private static String place(BpfInstruction.Width width, Register register, int offset) {
    String sign = offset < 0 ? " - " : " + ";
    return width.word + " [" + register + sign + Math.abs(offset) + "]";
  }

  /// The instructions as the kernel takes them, eight bytes each.
  ///
  /// @param maps the descriptor of a map
  /// @param functions the number of a kernel function
  List<Long> encode(ToIntFunction<String> maps, ToIntFunction<String> functions) {
    Map<String, Integer> places = places(instructions);
    List<Long> out = new ArrayList<>(instructions.size() + 8);
    for (BpfInstruction instruction : instructions) {
      switch (instruction) {
        case Compute(var operation, boolean wide, Register to, Operand by) ->
            out.add(withOperand(operation.code | (wide ? 0x07 : 0x04), to, 0, by));
        case SwapBytes(Register register, int bits) -> out.add(word(0xdc, register, 0, 0, bits));
        case Load(var width, Register to, Register from, int offset) ->
            out.add(word(0x61 | width.code, to, from.number, offset, 0));
        case Store(var width, Register to, int offset, Operand value) ->
            out.add(
                switch (value) {
                  case Register from -> word(0x63 | width.code, to, from.number, offset, 0);
                  case Constant(int constant) -> word(0x62 | width.code, to, 0, offset, constant);
                });
        case AtomicAdd(var width, Register to, int offset, Register by) ->
            out.add(word(0xc3 | width.code, to, by.number, offset, 0));
        case CompareExchange(var width, Register to, int offset, Register value) ->
            out.add(word(0xc3 | width.code, to, value.number, offset, COMPARE_EXCHANGE));
        case LoadMap(Register to, String map) -> {
          out.add(word(0x18, to, MAP_BY_DESCRIPTOR, 0, maps.applyAsInt(map)));
          out.add(0L);
        }
        case Jump(String label) ->
            out.add(word(0x05, Register.R0, 0, distance(places, label, out.size()), 0));
        case JumpIf(var condition, Register left, Operand right, String label) ->
            out.add(
                withOperand(
                    condition.code | 0x05, left, distance(places, label, out.size()), right));
        case Call(BpfFunction helper) -> out.add(word(0x85, Register.R0, 0, 0, helper.number));
        case CallKernel(String function) ->
            out.add(word(0x85, Register.R0, KERNEL_FUNCTION, 0, functions.applyAsInt(function)));
        case Exit() -> out.add(word(0x95, Register.R0, 0, 0, 0));
        case Label _ -> {}
      }
    }
    return out;
  }

  private static int distance(Map<String, Integer> places, String label, int at) {
    return places.getOrDefault(label, at) - at - 1;
  }

  private static long withOperand(int code, Register to, int offset, Operand operand) {
    return switch (operand) {
      case Register from -> word(code | SOURCE_IS_REGISTER, to, from.number, offset, 0);
      case Constant(int value) -> word(code, to, 0, offset, value);
    };
  }

  /// `struct bpf_insn` on a machine with the low byte first.
  private static long word(int code, Register to, int from, int offset, int constant) {
    if (offset < Short.MIN_VALUE || offset > Short.MAX_VALUE) {
      throw new IllegalArgumentException("the distance " + offset + " is too far");
    }
    return (code & 0xffL)
        | (long) to.number << 8
        | (long) from << 12
        | (offset & 0xffffL) << 16
        | (long) constant << 32;
  }

  private static Map<String, Integer> places(List<BpfInstruction> instructions) {
    Map<String, Integer> places = new HashMap<>();
    int at = 0;
    for (BpfInstruction instruction : instructions) {
      if (instruction instanceof Label(String name) && places.put(name, at) != null) {
        throw new IllegalArgumentException("the label " + name + " stands twice");
      }
      at +=
          switch (instruction) {
            case Label _ -> 0;
            case LoadMap _ -> 2;
            default -> 1;
          };
    }
    for (BpfInstruction instruction : instructions) {
      String label =
          switch (instruction) {
            case Jump(String to) -> to;
            case JumpIf(_, _, _, String to) -> to;
            default -> null;
          };
      if (label != null && !places.containsKey(label)) {
        throw new IllegalArgumentException("a jump leads to " + label + ", which is nowhere");
      }
    }
    return places;
  }
}
