# Usdt::Languages - which parts of the languages' packages do machines of test/vm
# get?
#
# This machine's interpreters, since the extensions are built for them, and of
# their libraries those that the traced programs load.  Node.js is in Usdt::Node.
#
# SPDX-License-Identifier: BSD-2-Clause
package Usdt::Languages;

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);

use Usdt::Staging qw(run copy copy_libraries copy_sources);
use Usdt::Tracer ();

our @EXPORT_OK = qw(stage_languages);

my $top = abs_path(dirname(__FILE__) . '/../../..');

# For each language: its interpreter; what builds its package; the program with
# the traced cases; and a command, which runs that program's cases after it and
# prints "> FILE NAME" for each file that they loaded, with its name below "lib".
my %languages = (
	lua => {
		lacks => \&Usdt::Tracer::lacks_lua,
		program => sub { run('sh', '-c', 'command -v lua5.4') },
		build => 'make -s stage && make -s LUA="$1" && cc -O2 -fPIC '
		    . '-shared -I"$(make -s has-headers LUA="$1")" -o host.so '
		    . 'tests/host.c -pthread',
		traced => 'tests/traced.lua',
		lists => sub { ('-e', 'for name in ("usdt.so usdt.lua host.so")'
			. ":gmatch('%S+') do print('> $_[0]/' .. name, name) end "
			. 'os.exit()') },
		cases => 'none',
	},
	perl => {
		lacks => \&Usdt::Tracer::lacks_perl,
		program => sub { $^X },
		build => '"$1" Makefile.PL && make -s',
		traced => 't/traced.pl',
		lists => sub { ("-Mblib=$_[0]/blib", '-e', 'END { '
			. 'print("> $INC{$_}\t$_\n") for keys %INC; '
			. 'm{(auto/.*)} && print("> $_\t$1\n") for '
			. '@DynaLoader::dl_shared_objects; } $0 = shift; '
			. 'do $0; die $@ if $@') },
		cases => 'json,threads,built',
	},
	python => {
		lacks => \&Usdt::Tracer::lacks_python,
		program => \&Usdt::Tracer::python,
		build => 'make -s stage && "$1" setup.py -q build_ext --inplace',
		traced => 'tests/traced.py',
		lists => sub { ('-S', '-c', <<~'END', $_[0]) },
			import atexit, runpy, sys

			def lists():
			    for module in list(sys.modules.values()):
			        path = getattr(module, "__file__", None) or ""
			        above = [d for d in sys.path
			                 if d and path.startswith(d + "/")]
			        if above:
			            name = path[len(max(above, key=len)) + 1:]
			            print(">", path, "\t" + name)

			atexit.register(lists)
			del sys.argv[0]
			sys.path.append(sys.argv.pop(0))
			runpy.run_path(sys.argv[0], run_name="__main__")
			END
		cases => 'json,threads,utf8,structs',
	},
	ruby => {
		lacks => \&Usdt::Tracer::lacks_ruby,
		program => \&Usdt::Tracer::ruby,
		build => 'make -s "RUBY=$1" build',
		traced => 'test/traced.rb',
		lists => sub { ('--disable-gems', "-I$_[0]/lib", '-e',
			'at_exit { $LOADED_FEATURES.grep(/^\//).each { |path| '
			. 'above = $LOAD_PATH.select { |d| '
			. 'path.start_with?(d + "/") }; puts "> #{path}\t" + '
			. 'path.delete_prefix(above.max + "/") } }; '
			. 'load ARGV.shift') },
		cases => 'json,threads,utf8',
	},
);

# build(NAME, PROGRAM): the package's directory, in a copy of the sources.
sub build
{
	my ($name, $program) = @_;
	my $dir = copy_sources() . "/bindings/$name";

	run('sh', '-c', 'mkdir "$2" && cd "$1" && tar -cf - --exclude libusdt '
	    . '--exclude build --exclude blib --exclude pm_to_blib --exclude '
	    . '"*.o" --exclude "*.so" --exclude USDT.c --exclude '
	    . 'ext/usdt/Makefile . | tar -xf - -C "$2" && cd "$2" && shift 2 '
	    . "&& $languages{$name}{build}", 'sh', "$top/bindings/$name", $dir,
	    $program);
	return $dir;
}

# stage_languages(DIR): for each language that can be built here, DIR/NAME has
# its interpreter, of its name, the libraries of that, "lib" with what the
# program of the traced cases loads, and "traced", that program.
sub stage_languages
{
	my ($dir) = @_;

	for my $name (sort keys %languages) {
		my ($row, $to) = ($languages{$name}, "$dir/$name");
		if (my $lack = $row->{lacks}->()) {
			die "$lack, and USDT_NO_SKIP is set\n"
			    if $ENV{USDT_NO_SKIP};
			next;
		}
		my $program = $row->{program}->() =~ s/\n\z//r;
		my $package = build($name, $program);
		my $traced = "$package/$row->{traced}";

		copy($program, "$to/$name");
		copy_libraries($program, $to);
		copy($traced, "$to/traced");
		for (split(/\n/, run($program, $row->{lists}->($package),
			$traced, $row->{cases}, 'staged'))) {
			my ($from, $below) = /^> (\S+)\s+(\S+)$/ or next;
			copy($from, "$to/lib/$below");
			copy_libraries($from, $to) if $from =~ /\.so$/;
		}
	}
	return;
}

1;
