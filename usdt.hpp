/*
 * usdt.hpp - declare typed tracing probes in C++20.
 *
 * What usdt.h says holds here, too.
 *
 *	enum class verb : std::uint8_t { get, put };
 *
 *	usdt::provider myapp("myapp", "mymodule");
 *	usdt::probe<int, const char *, verb, double> start(myapp, "handle",
 *	    "request-start", "status", "url", "verb", "took");
 *
 *	if (!myapp.enable())
 *		std::cerr << myapp.error() << '\n';
 *	start(200, "/index", verb::put, 2.5);
 *	start.lazily([&] { return std::tuple(next_id(), url(), verb::get,
 *	    seconds()); });
 *
 * Types come from the template.  Tracers get their size and sign: int is
 * "int32_t", an enum its underlying type, a pointer to char
 * "char *", any other pointer "void *".  A program may name its own, so that
 * tracers show what a pointer leads to (usdt_provider_add_struct):
 *
 *	template <> inline constexpr const char *
 *	    usdt::type_of<request *> = "struct myapp_request *";
 *
 * No exceptions.  An object that could not be made is false, error() is the
 * reason, and a probe that could not be made never fires.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef USDT_HPP
#define USDT_HPP

#if __cplusplus < 202002L
#error "usdt.hpp needs C++20; usdt.h suits any C++"
#endif

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "usdt.h"

namespace usdt {

/* What a word can hold: integers, enums and pointers, float and double. */
template <typename T>
concept argument = sizeof(T) <= sizeof(std::uint64_t) &&
    (std::integral<T> || std::is_enum_v<T> || std::is_pointer_v<T> ||
    std::same_as<std::remove_cv_t<T>, float> ||
    std::same_as<std::remove_cv_t<T>, double>);

/* For internal use. */
namespace detail {

template <typename T>
consteval const char *
integer_name()
{
	constexpr const char *names[2][4] = {
		{ "uint8_t", "uint16_t", "uint32_t", "uint64_t" },
		{ "int8_t", "int16_t", "int32_t", "int64_t" }
	};

	if (std::same_as<T, bool>)
		return "bool";
	if (std::same_as<T, char>)
		return "char";
	return names[std::is_signed_v<T>]
	    [std::bit_width(sizeof(T)) - 1];
}

template <argument T>
consteval const char *
type_name()
{
	using plain = std::remove_cv_t<T>;

	if constexpr (std::is_enum_v<plain>)
		return integer_name<std::underlying_type_t<plain>>();
	else if constexpr (std::is_pointer_v<plain>)
		return std::same_as<std::remove_cv_t<
		    std::remove_pointer_t<plain>>, char> ? "char *" : "void *";
	else if constexpr (std::same_as<plain, float>)
		return "float";
	else if constexpr (std::same_as<plain, double>)
		return "double";
	else
		return integer_name<plain>();
}

template <argument T>
std::uint64_t
word(T value) noexcept
{
	if constexpr (std::is_enum_v<T>)
		return word(static_cast<std::underlying_type_t<T>>(value));
	else if constexpr (std::is_pointer_v<T>)
		return reinterpret_cast<std::uintptr_t>(value);
	else if constexpr (std::same_as<std::remove_cv_t<T>, float>)
		return std::bit_cast<std::uint32_t>(value);
	else if constexpr (std::same_as<std::remove_cv_t<T>, double>)
		return std::bit_cast<std::uint64_t>(value);
	else
		return static_cast<std::uint64_t>(value);
}

/* The definition of probes that could not be made: its gate is 0. */
inline constexpr std::uint32_t never = 0;
inline constexpr usdt_probedef_t none = {
	"", "", 0, nullptr, nullptr, &never, nullptr
};

} /* namespace detail */

/* The name by which tracers know a type.  Specialize it for your own. */
template <argument T>
inline constexpr const char *type_of = detail::type_name<T>();

class provider {
public:
	/* usdt_create_provider */
	provider(const char *name, const char *module) :
	    made(usdt_create_provider(name, module)),
	    text(made == nullptr ? usdt_errstr(nullptr) : "")
	{
	}

	/* usdt_provider_free */
	~provider()
	{
		usdt_provider_free(made);
	}

	provider(const provider &) = delete;
	provider &operator=(const provider &) = delete;

	explicit
	operator bool() const noexcept
	{
		return made != nullptr;
	}

	bool
	enable() noexcept
	{
		return made != nullptr && usdt_provider_enable(made) == 0;
	}

	bool
	disable() noexcept
	{
		return made != nullptr && usdt_provider_disable(made) == 0;
	}

	/* usdt_errstr, or why there is no provider. */
	const char *
	error() const noexcept
	{
		return made != nullptr ? usdt_errstr(made) : text.c_str();
	}

	/* For the calls of usdt.h; NULL if it could not be made. */
	usdt_provider_t *
	get() const noexcept
	{
		return made;
	}

private:
	usdt_provider_t *const made;
	const std::string text;
};

template <argument... A>
class probe {
	static_assert(sizeof...(A) <= USDT_ARG_MAX,
	    "a probe has at most USDT_ARG_MAX arguments");

public:
	/* usdt_create_probe and usdt_provider_add_probe, with a NAME for each
	 * argument, or without. */
	template <std::convertible_to<const char *>... N>
	requires (sizeof...(N) == 0 || sizeof...(N) == sizeof...(A))
	probe(provider &owner, const char *function, const char *name,
	    N... names) : made(&detail::none)
	{
		std::array<std::string, sizeof...(A)> declared = {
			type_of<A>...
		};
		std::array<const char *, sizeof...(A)> types{};
		const std::array<const char *, sizeof...(N)> all = {
			static_cast<const char *>(names)...
		};

		for (std::size_t i = 0; i < declared.size(); i++) {
			if (i < all.size() && all[i] != nullptr)
				declared[i].append(" ").append(all[i]);
			types[i] = declared[i].c_str();
		}
		create(owner, function, name, types.data());
	}

	/* usdt_probe_release */
	~probe()
	{
		usdt_probe_release(get());
	}

	probe(const probe &) = delete;
	probe &operator=(const probe &) = delete;

	explicit
	operator bool() const noexcept
	{
		return made != &detail::none;
	}

	/* Why it could not be made, or "". */
	const char *
	error() const noexcept
	{
		return text.c_str();
	}

	/* usdt_probe_enabled */
	bool
	enabled() const noexcept
	{
		return usdt_probe_enabled(made) != 0;
	}

	/* Fire it if somebody traces it. */
	void
	operator()(A... arguments) const noexcept
	{
		if (enabled())
			fire(arguments...);
	}

	/* The same with the tuple that MAKE returns.  It is called only if
	 * somebody traces the probe. */
	template <std::invocable F>
	void
	lazily(F &&make) const
	{
		if (enabled())
			std::apply([this](auto &&...arguments) {
				fire(std::forward<decltype(arguments)>(
				    arguments)...);
			}, std::forward<F>(make)());
	}

	/* For the calls of usdt.h; NULL if it could not be made. */
	usdt_probedef_t *
	get() const noexcept
	{
		return *this ? const_cast<usdt_probedef_t *>(made) : nullptr;
	}

private:
	const usdt_probedef_t *made;
	std::string text;

	void
	create(provider &owner, const char *function, const char *name,
	    const char **types)
	{
		usdt_probedef_t *probedef;

		if (!owner) {
			text = owner.error();
			return;
		}
		probedef = usdt_create_probe(function, name, sizeof...(A),
		    types);
		if (probedef == nullptr) {
			text = usdt_errstr(nullptr);
		} else if (usdt_provider_add_probe(owner.get(),
		    probedef) < 0) {
			text = usdt_errstr(owner.get());
			usdt_probe_release(probedef);
		} else {
			made = probedef;
		}
	}

	void
	fire(A... arguments) const noexcept
	{
		const std::array<std::uint64_t, sizeof...(A)> words = {
			detail::word(arguments)...
		};

		usdt_probe_fire64(get(), words.size(), words.data());
	}
};

} /* namespace usdt */

#endif /* USDT_HPP */
