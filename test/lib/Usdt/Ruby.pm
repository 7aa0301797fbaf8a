# Usdt::Ruby - which parts of the gem for Ruby do machines of test/vm get?
#
# This machine's Ruby, since the extension is built for it: the program, and of
# its libraries those that the traced programs load.
package Usdt::Ruby;

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);

use Usdt::Staging qw(run copy copy_program copy_sources);
use Usdt::Tracer ();

our @EXPORT_OK = qw(stage_ruby);

my $top = abs_path(dirname(__FILE__) . '/../../..');

# build(): the gem's directory, with the extension in lib/usdt.
sub build
{
	my $dir = copy_sources() . '/bindings/ruby';

	run('sh', '-c', 'mkdir "$2" && cd "$1" && tar -cf - --exclude libusdt '
	    . '--exclude "*.o" --exclude "*.so" --exclude ext/usdt/Makefile . '
	    . '| tar -xf - -C "$2" && make -s -C "$2" "RUBY=$3" build', 'sh',
	    "$top/bindings/ruby", $dir, Usdt::Tracer::ruby());
	return $dir;
}

# stage_ruby(DIR): "ruby" with its libraries, "lib" with what it loads, and
# "traced.rb".
sub stage_ruby
{
	my ($to) = @_;

	if (my $lack = Usdt::Tracer::lacks_ruby()) {
		die "$lack, and USDT_NO_SKIP is set\n" if $ENV{USDT_NO_SKIP};
		return;
	}
	my $ruby = Usdt::Tracer::ruby();
	my $package = build();
	my $lists = 'at_exit { $LOADED_FEATURES.grep(/^\//).each { |feature| '
	    . 'paths = $LOAD_PATH.select { |l| feature.start_with?(l + "/") }; '
	    . 'puts "> #{feature} #{feature.delete_prefix(paths.max + "/")}" '
	    . '} }; load ARGV.shift';
	copy_program($ruby, $to, 'ruby');
	copy("$package/test/traced.rb", "$to/traced.rb");
	for (split(/\n/, run($ruby, '--disable-gems', "-I$package/lib", '-e',
		$lists, "$package/test/traced.rb", 'json,threads,utf8',
		'staged'))) {
		copy($1, "$to/lib/$2") if /^> (\S+) (\S+)$/;
	}
	return;
}

1;
